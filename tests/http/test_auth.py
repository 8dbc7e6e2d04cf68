from __future__ import annotations

import base64
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, InputError, NetworkError
from cachi2ish.http.access.auth import Credentials, is_loopback, separate
from tests.http.support import Client, client
from tests.support.index_server import Fault, IndexServer, Request
from tests.support.raw_server import RawServer

Connect = Callable[..., Client]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def sent(request: Request) -> str | None:
    return request.headers.get("authorization")


def with_userinfo(url: str, userinfo: str) -> str:
    return url.replace("://", f"://{userinfo}@")


@pytest.mark.parametrize(
    ("userinfo", "expected"),
    [
        ("user:password", basic("user", "password")),
        ("us%40er:p%2Fa%3Ass%25", basic("us@er", "p/a:ss%")),
        ("token", basic("token", "")),
        ("token:", basic("token", "")),
        (":password", basic("", "password")),
        ("us:er:pass", basic("us", "er:pass")),
        ("%C3%BC:%E2%82%AC", basic("ü", "€")),
        (":", None),
    ],
)
def test_user_information_is_decoded_and_sent(
    index: IndexServer, connect: Connect, userinfo: str, expected: str | None
) -> None:
    connect().session.get(with_userinfo(index.url, userinfo) + "/page")
    connect(credentials=(with_userinfo(index.index_url, userinfo),)).session.get(index.url + "/page")

    assert [sent(request) for request in index.requests] == [expected, expected]


def test_credentials_of_an_index_reach_its_files_but_no_other_port(
    index: IndexServer, other: IndexServer, connect: Connect
) -> None:
    session = connect(credentials=(with_userinfo(index.index_url, "me:secret"), other.index_url)).session

    session.get(f"{index.url}/files/x")
    session.get(f"{other.url}/files/x")

    assert sent(index.requests[0]) == basic("me", "secret")
    assert sent(other.requests[0]) is None


def test_a_redirect_to_another_origin_drops_the_credentials(
    index: IndexServer, other: IndexServer, connect: Connect
) -> None:
    index.script("/simple/a/", [Fault.redirect(f"{other.url}/away")])
    index.script("/simple/b/", [Fault.redirect("/back")])
    other.script("/away", [Fault.redirect(f"{index.url}/home")])
    session = connect().session

    session.get(with_userinfo(index.url, "me:secret") + "/simple/a/")
    session.get(with_userinfo(index.url, "me:secret") + "/simple/b/")

    assert [sent(request) for request in other.requests] == [None]
    # At home again they are sent again: they belong to the origin, not to the step.
    assert [sent(request) for request in index.requests] == [basic("me", "secret")] * 4


def test_the_same_host_under_another_name_is_another_origin(index: IndexServer, connect: Connect) -> None:
    session = connect(credentials=(with_userinfo(index.index_url, "me:secret"),)).session

    session.get(index.url.replace("127.0.0.1", "localhost") + "/page")

    assert sent(index.requests[0]) is None


def test_of_several_credentials_the_one_with_the_longest_common_path_is_sent(
    index: IndexServer, connect: Connect
) -> None:
    session = connect(
        credentials=(
            with_userinfo(index.url, "root:1"),
            with_userinfo(index.url, "a:2") + "/team-a/simple/",
            with_userinfo(index.url, "b:3") + "/team-b/simple",
        )
    ).session

    for path in ("/team-a/simple/x/", "/team-b/simple/x/", "/team-b/files/x", "/team-bb/simple/", "/other"):
        session.get(index.url + path)

    assert [sent(request) for request in index.requests] == [
        basic("a", "2"),
        basic("b", "3"),
        basic("b", "3"),
        basic("root", "1"),
        basic("root", "1"),
    ]


def test_what_the_address_itself_says_comes_first(index: IndexServer, connect: Connect) -> None:
    session = connect(credentials=(with_userinfo(index.index_url, "me:secret"),)).session

    session.get(with_userinfo(index.url, "other:one") + "/page")

    assert sent(index.requests[0]) == basic("other", "one")


def test_the_address_of_an_answer_holds_no_credential(index: IndexServer, connect: Connect) -> None:
    answer = connect().session.get(with_userinfo(index.url, "me:secret") + "/page?token=abc&x=1")

    assert answer.url == f"{index.url}/page?token=****&x=1"
    assert index.requests[0].path == "/page?token=abc&x=1"


def test_netrc_serves_its_hosts_and_not_the_environment(
    index: IndexServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login any password leak\n")
    monkeypatch.setenv("NETRC", str(netrc))

    connect().session.get(f"{index.url}/page")
    connect(netrc=str(netrc)).session.get(f"{index.url}/page")
    connect(netrc=str(netrc), credentials=(with_userinfo(index.url, "own:1"),)).session.get(f"{index.url}/page")
    connect(netrc=str(netrc)).session.get(index.url.replace("127.0.0.1", "localhost") + "/page")

    assert [sent(request) for request in index.requests] == [None, basic("me", "secret"), basic("own", "1"), None]


def test_the_password_for_the_user_of_an_address_is_in_netrc(
    index: IndexServer, connect: Connect, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    for userinfo in ("me", "me:", "other", "me:own"):
        address = with_userinfo(index.index_url, userinfo)
        connect(netrc=str(netrc), credentials=(address,)).session.get(f"{index.url}/page")
        connect(netrc=str(netrc)).session.get(with_userinfo(index.url, userinfo) + "/page")

    expected = [basic("me", "secret"), basic("me", "secret"), basic("other", ""), basic("me", "own")]
    assert [sent(request) for request in index.requests] == [one for one in expected for _ in range(2)]


def test_the_default_of_netrc_is_for_indexes_that_are_named_and_for_nobody_else(
    index: IndexServer, other: IndexServer, connect: Connect, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login any password known\n")
    session = connect(netrc=str(netrc), credentials=(index.index_url,)).session

    session.get(f"{index.url}/page")
    session.get(f"{other.url}/page")

    assert sent(index.requests[0]) == basic("any", "known")
    assert sent(other.requests[0]) is None


@pytest.mark.parametrize(
    ("url", "trusted", "expected"),
    [
        ("https://host.test/x", False, True),
        ("https://HOST.test:8443/x", False, True),
        ("http://host.test/x", False, False),
        ("http://host.test/x", True, True),
        ("https://sub.host.test/x", False, False),
        ("http://localhost:8080/x", False, True),
    ],
)
def test_netrc_is_not_sent_in_the_clear(tmp_path: Path, url: str, trusted: bool, expected: bool) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine Host.test login me password secret\nmachine localhost login me password secret\n")

    assert (Credentials((), str(file)).find(Address(url), trusted=trusted) is not None) is expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"machine host.test login me pasword s3cret\n", "netrc:1 cannot be understood"),
        (b"machine host.test login me password s3cret\xff\n", "it is not UTF-8 text"),
        (None, "NETRC names .*, which does not exist"),
    ],
)
def test_a_netrc_file_that_cannot_be_read_is_an_error_without_its_content(
    tmp_path: Path, text: bytes | None, says: str
) -> None:
    file = tmp_path / "netrc"
    if text is not None:
        file.write_bytes(text)

    with pytest.raises(InputError, match=says) as caught:
        Credentials((), str(file))

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_an_index_address_that_is_no_url_is_refused_without_showing_its_password() -> None:
    with pytest.raises(InputError, match=r"'https://\*\*\*\*@host\.test/simple/' is not a valid URL"):
        Credentials((Address("https://user:pa/ss@host.test/simple/"),), None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)
    assert not is_loopback(f"{host}.test")


def test_an_address_without_user_information_stays_as_it_is() -> None:
    address = Address("https://host.test/@scope/x?a=b@c")
    assert separate(address) == (address, None)


SECRETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(user=SECRETS, password=SECRETS)
def test_every_user_and_password_survives_the_url(user: str, password: str) -> None:
    url = f"https://{quote(user, safe='')}:{quote(password, safe='')}@host.test/simple/"

    bare, credential = separate(Address(url))

    assert bare == Address("https://host.test/simple/")
    assert credential is not None
    assert (credential.user, credential.password) == (user, password)
    assert base64.b64decode(credential.authorization.removeprefix("Basic ")) == f"{user}:{password}".encode()


ODD = st.text(st.sampled_from("%/?#@:[]\\&=+ \t\r\nüé€\x00'\"<>"), min_size=1, max_size=6)


def _failing(url_of: Callable[[str], str], userinfo: str, **changes: Any) -> str:
    made = client(retries=0, **changes)
    with made.session as session, pytest.raises(Cachi2ishError) as caught:
        session.get(with_userinfo(url_of("/p"), userinfo))
    error = caught.value
    return "\n".join([*traceback.format_exception(error), repr(error), error.hint or "", repr(error.args)])


@given(odd=ODD, quoted=st.booleans())
def test_no_error_shows_a_credential_however_odd(odd: str, quoted: bool) -> None:
    # Unquoted, "@" and then "/" make it the path of another host: a valid address, and nothing tells.
    assume(quoted or not re.search(r"@.*[/?#\\]", odd, re.DOTALL))
    secret = f"Xq{odd}7zK9"
    userinfo = f"me:{quote(secret, safe='') if quoted else secret}"
    closed = "http://127.0.0.1:1"
    for url_of in (lambda path: closed + path, lambda path: "ftp://host.test" + path):
        text = _failing(url_of, userinfo)
        assert "7zK9" not in text
        assert "Xq" not in text


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 302 X\r\nLocation: ftp://u:S3cret@h/\r\n\r\n"]
)
def test_no_answer_makes_an_error_show_a_credential(answer: bytes) -> None:
    with RawServer([answer]) as server:
        text = _failing(lambda path: server.url + path, "me:S3cret")
    assert "S3cret" not in text
    assert base64.b64encode(b"me:S3cret").decode() not in text


def test_settings_do_not_show_their_credentials() -> None:
    made = client(credentials=("https://me:S3cret@host.test/",), proxy="http://me:S3cret@proxy.test")
    with made.session as session:
        assert "S3cret" not in repr(vars(session))


def test_a_redirect_loop_with_credentials_shows_none(index: IndexServer, connect: Connect) -> None:
    index.script("/p", [Fault.redirect(with_userinfo(index.url, "me:S3cret") + "/p")] * 11)

    with pytest.raises(NetworkError) as caught:
        connect().session.get(with_userinfo(index.url, "me:S3cret") + "/p")

    assert "S3cret" not in str(caught.value)
