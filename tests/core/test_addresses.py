"""What may be shown of an address, and whom its credentials belong to."""

from __future__ import annotations

import string
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cachi2ish.core.urls import (
    host_and_port,
    origin_of,
    redact,
    redact_text,
    split,
    split_userinfo,
    split_web,
    without_fragment,
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:hunter2@h.example/x", "https://h.example/x"),
        ("https://hunter2@h.example/x", "https://h.example/x"),
        ("https://:hunter2@h.example:8443/x", "https://h.example:8443/x"),
        ("https://user:hun@ter2@h.example/x", "https://h.example/x"),
        ("https://user%40x:hunter2@h.example", "https://h.example"),
        ("https://user:hunter2@[::1]:8080/x", "https://[::1]:8080/x"),
        ("HTTPS://user:hunter2@H.example/x", "HTTPS://H.example/x"),
        ("git+https://user:hunter2@h.example/x.git@abc#egg=x", "git+https://h.example/x.git@abc#egg=x"),
        ("//user:hunter2@h.example/x", "//h.example/x"),
        ("ssh://git:hunter2@h.example/x.git", "ssh://h.example/x.git"),
        ("git+ssh://git:hunter2@h.example/x.git", "git+ssh://h.example/x.git"),
        ("https://h.example/x?token=hunter2&a=b", "https://h.example/x?token=****&a=b"),
        ("https://h.example/x?a=b&X-Amz-Signature=hunter2#f", "https://h.example/x?a=b&X-Amz-Signature=****#f"),
        ("https://h.example/x?X-Amz-Security-Token=hunter2", "https://h.example/x?X-Amz-Security-Token=****"),
        ("https://h.example/x?sig=hunter2", "https://h.example/x?sig=****"),
        ("https://h.example/x?private_token=hunter2", "https://h.example/x?private_token=****"),
        ("https://h.example/x?apiKey=hunter2&auth=hunter2", "https://h.example/x?apiKey=****&auth=****"),
        # no valid addresses
        ("https://user:hunter2@[bad/x", "https://[bad/x"),
        ("https://user:hun@ter2@h.example:port/x", "https://h.example:port/x"),
        ("https://user:hun/ter2@h.example/x", "https://h.example/x"),
        ("https://user:hun#ter2@h.example/x", "https://h.example/x"),
        ("https://user:hun?ter2@h.example", "https://h.example"),
    ],
)
def test_a_secret_is_taken_out(url: str, expected: str) -> None:
    assert redact(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example/simple/",
        "https://h.example/@scope/x@1.0?a=b&signed=yes#sha256=abc",
        "https://h.example?",
        "https://h.example/x#",
        "HTTPS://H.Example:443/X",
        "ssh://git@h.example/x.git",
        "git+ssh://git@h.example:2222/x.git@abc",
        "git@h.example:group/x.git",
        "file:///srv/x",
        "git+file:///srv/x@abc",
        "/srv/a@b",
        "../x",
        "no address at all",
        "",
        "https://h.example/x?tokens=1&author=me&design=2",
        "https://h.example/token=x",
    ],
)
def test_what_holds_no_secret_stays_as_it_is_written(url: str) -> None:
    assert redact(url) == url


SECRET = st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%", min_size=1).map(
    lambda text: f"hunter2{text}"
)


@given(
    SECRET,
    st.sampled_from(["https", "http", "git+https", "ftp"]),
    st.sampled_from(["", "/p", "?q=1", "#f", "/a@b"]),
)
def test_no_user_information_is_left_of_an_address(secret: str, scheme: str, rest: str) -> None:
    shown = redact(f"{scheme}://user:{secret}@h.example{rest}")
    assert shown == f"{scheme}://h.example{rest}"


@given(st.text(string.ascii_letters + "/?#@:", min_size=1))
def test_a_password_that_makes_the_address_invalid_does_not_show(password: str) -> None:
    address = f"https://user:hunter2{password}@h.example/x"
    assume(split(address) is None or urlsplit(address).hostname == "h.example")
    assert "hunter2" not in redact(address)


@given(st.text() | st.text(string.ascii_letters + "/?#@:[]&=%+. ").map("https://{}".format))
def test_what_is_redacted_stays_so(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h.example/x", ("https", "h.example", 443)),
        ("HTTPS://H.EXAMPLE:443/x", ("https", "h.example", 443)),
        ("http://h.example", ("http", "h.example", 80)),
        ("https://h.example:8443", ("https", "h.example", 8443)),
        ("https://user:x@h.example/x", ("https", "h.example", 443)),
        ("ssh://git@h.example/x", ("ssh", "h.example", 22)),
        ("https://[::1]/x", ("https", "::1", 443)),
        ("other://h.example", ("other", "h.example", None)),
        ("file:///x", ("file", "", None)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: tuple[str, str, int | None]) -> None:
    assert origin_of(url) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://h.example", "http://h.example"),
        ("https://h.example", "https://h.example:8443"),
        ("https://h.example", "https://h.example.evil.test"),
        ("https://h.example", "https://evil.test/h.example"),
        ("https://h.example", "https://h.example@evil.test"),
    ],
)
def test_another_origin_is_another(one: str, other: str) -> None:
    assert origin_of(one) != origin_of(other)


@pytest.mark.parametrize(
    ("url", "expected"), [("https://h/x#a#b", "https://h/x"), ("https://h/x", "https://h/x"), ("#a", ""), ("", "")]
)
def test_a_fragment_is_cut_off(url: str, expected: str) -> None:
    assert without_fragment(url) == expected


@pytest.mark.parametrize("url", ["https://[::1", "https://h:port/x", "https://h:99999/x", "https://h:-1/"])
def test_what_is_no_address_has_no_parts(url: str) -> None:
    assert split(url) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h.example", ("h.example", None)),
        (" H.Example:8443 ", ("h.example", 8443)),
        ("[::1]:80", ("::1", 80)),
        ("https://h.example", None),
        ("h.example/x", None),
        ("me@h.example", None),
        ("h.example:port", None),
        ("${HOST}", None),
        (":80", None),
        ("", None),
    ],
)
def test_a_host_may_have_a_port_and_nothing_else(text: str, expected: tuple[str, int | None] | None) -> None:
    assert host_and_port(text) == expected


@pytest.mark.parametrize(
    "url", ["ftp://h.example/", "https:///x", "h.example", "//h.example/", "https://h:x/", ""]
)
def test_what_no_browser_could_open_is_no_address_of_the_web(url: str) -> None:
    assert split_web(url) is None


def test_an_address_of_the_web_has_parts() -> None:
    parts = split_web("HTTPS://h.example/x")
    assert parts is not None
    assert (parts.scheme, parts.hostname, parts.path) == ("https", "h.example", "/x")


def test_an_address_has_parts() -> None:
    parts = split("https://h.example:1/x?y#z")
    assert parts is not None
    assert (parts.hostname, parts.port, parts.path) == ("h.example", 1, "/x")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:p%40ss@h.example:8443/x", ("https://h.example:8443/x", "user:p%40ss")),
        ("https://us@er:pass@h.example/x", ("https://h.example/x", "us@er:pass")),
        ("https://@h.example/x", ("https://h.example/x", "")),
        ("https://h.example/@scope/x?a=b@c#d@e", ("https://h.example/@scope/x?a=b@c#d@e", "")),
        ("https://[broken", ("https://[broken", "")),
    ],
)
def test_user_information_is_cut_out(url: str, expected: tuple[str, str]) -> None:
    assert split_userinfo(url) == expected


@pytest.mark.parametrize("before", ["", "'", "(", "url=", "1", "see: ", '"'])
def test_an_address_is_redacted_wherever_it_stands_in_a_text(before: str) -> None:
    text = f"{before}https://user:secret@h.example/x') and {before}ssh://git@h.example/y"
    assert redact_text(text) == text.replace("user:secret@", "")


def test_a_long_word_is_looked_at_once() -> None:
    text = "a1" * 200_000
    assert redact_text(text) == text
