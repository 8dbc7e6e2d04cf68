"""Headers are those that the standard library finds in a text, whatever the text."""

from __future__ import annotations

from email.parser import HeaderParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cachi2ish.files.mail_headers import read_headers

NAMES = ("Name", "Version", "Requires-Dist", "From", "X")

_ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n\r", "\x0b", "\x85", "\u2028", ""])
_STARTS = st.sampled_from(
    [
        *(f"{name}:" for name in NAMES),
        "name:",
        "NAME :",
        "From ",
        "From x: ",
        ":",
        "",
        " ",
        "\t",
        "\u017f:",
        "Na\x7fme:",
    ]
)
_VALUES = st.one_of(
    st.text(max_size=6), st.sampled_from(["demo", " demo  1.0 ", "\ufeff", "a:b", "=?utf-8?q?x?=", "\0"])
)
_LINES = st.builds(lambda start, value, end: start + value + end, _STARTS, _VALUES, _ENDS)
_TEXTS = st.lists(_LINES, max_size=12).map("".join)
_CONTENTS = st.one_of(
    _TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    _TEXTS.map(lambda text: b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")),
    _TEXTS.map(lambda text: text.encode("latin-1", "replace")),
    _TEXTS.map(lambda text: text.encode("utf-16-le", "surrogatepass")),
    st.binary(max_size=60),
)


def as_email_finds_them(content: bytes) -> dict[str, list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    headers = HeaderParser().parsestr(text)
    return {name: [" ".join(str(value).split()) for value in headers.get_all(name, ())] for name in NAMES}


@settings(max_examples=1500, deadline=None)
@given(content=_CONTENTS)
@example(content=b"Name: a\n\r\n\nVersion: 1")
@example(content=b"Name: a\r\n\nVersion: 1")
@example(content=b"Name: a\r\r\nVersion: 1")
@example(content=b"Name: a\n \n b\nName: c")
@example(content=b"From x\n y\nName: c\nFrom z\n y\nVersion: 1\nFrom end")
def test_the_headers_are_those_that_the_standard_library_finds(content: bytes) -> None:
    headers, expected = read_headers(content), as_email_finds_them(content)
    assert {name: headers.all(name.lower()) for name in NAMES} == expected
    assert [headers.first(name.lower()) for name in NAMES] == [
        next(iter(values), None) for values in expected.values()
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_stands_behind_the_headers_is_none(end: str) -> None:
    text = "Name: demo\nDescription: a\n    b\n    c: d\nVersion: 1.0\n\nVersion: 2.0\n".replace("\n", end)
    headers = read_headers(text.encode())
    assert headers.all("version") == ["1.0"]
    assert headers.first("description") == "a b c: d"
