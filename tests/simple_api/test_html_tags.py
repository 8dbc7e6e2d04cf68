from __future__ import annotations

import resource
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachi2ish.simple_api.html_tags import attributes_of, tags

#: Seconds of processor time: many times what is needed, and a fraction of what quadratic time would take.
CPU_LIMIT = 60
SIZE = "1000000"

#: Refuses (or reads) pages, each made of one piece over and over.
READ = """
import sys
from cachi2ish.errors import UnavailableError
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.html_pages import read_html

size, pieces = int(sys.argv[1]), sys.argv[2:]
source = PageSource("demo", "https://index.example/simple/", "https://index.example/simple/demo/")
for piece in pieces:
    print(piece, flush=True)
    try:
        read_html((piece * (size // len(piece))).encode(), source)
    except UnavailableError:
        pass
"""

PIECES = (
    *("<", "<a", "<a ", "<a>", "<!--", "<!", "<?", "</", '<a b="', "<a b='\" ", "<a b=\"' ", "<a b= ", "<a ="),
    *(
        "<title>",
        "<script>",
        "<script></script",
        "&",
        "<a href=x>&#",
        " ",
        "<a href=demo-1.0.zip>",
        "<a/",
        "<![if ",
    ),
)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))


def test_no_page_takes_time_that_grows_with_the_square_of_its_length() -> None:
    command = [sys.executable, "-c", READ, SIZE, *PIECES]
    done = subprocess.run(command, preexec_fn=_limit, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout.splitlines()[-1], done.stderr)


def named(text: str) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    for tag in tags(text):
        found.append((tag.name, attributes_of(tag)))
        if tag.text is not None:  # a whole anchor: its end is no tag of its own
            found.append(("/a", {}))
    return found[:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<A HREF=x>", [("a", {"href": "x"})]),
        ("<a href='x' / ><br/></A >", [("a", {"href": "x"}), ("br", {}), ("/a", {})]),
        ("<a\nhref\t=\n'x>y'>", [("a", {"href": "x>y"})]),
        ("<a href=x/y>", [("a", {"href": "x/y"})]),
        ("<a href=x/>", [("a", {"href": "x/"})]),
        ("<a href= >", [("a", {"href": ""})]),
        ("<a href=>", [("a", {"href": ""})]),
        ('<a x"y=1>', [("a", {'x"y': "1"})]),
        ("<a =x=1>", [("a", {"=x": "1"})]),
        ("<a b=1 B=2>", [("a", {"b": "1"})]),
        ("1 < 2 <a>", [("a", {})]),
        ("<a <b>", [("a", {"<b": ""})]),
        ("<!-- <a> --><b>", [("b", {})]),
        ("<!--><b>", [("b", {})]),
        ("<!-- <a>", []),
        ("<!doctype html><?php <a>?><b></ x><i>", [("b", {}), ("i", {})]),
        ("<script>'<a>'</script><b>", [("script", {}), ("/script", {}), ("b", {})]),
        ("<script></scripts><a></SCRIPT ><b>", [("script", {}), ("/script", {}), ("b", {})]),
        ("<script><a>", [("script", {})]),
        ("<a href='x", []),
        ("<a href", []),
        ("<", []),
        ("<a href='?a=1&amp;b=2&region=3&#38;'>", [("a", {"href": "?a=1&b=2&region=3&"})]),
    ],
)
def test_tags_are_found_as_in_a_browser(text: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert named(text) == expected


class _Standard(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in reversed(attrs)}))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("/" + tag, {}))


_WORD = st.text("abcxyz-", min_size=1, max_size=5).filter(lambda word: word[0] != "-")
_VALUE = st.text(st.characters(exclude_characters="\"'&\r\0"), max_size=8)
_ATTRIBUTE = st.one_of(
    _WORD,
    st.builds(lambda name, value: f'{name}="{value}"', _WORD, _VALUE),
    st.builds(lambda name, value: f"{name} = '{value}'", _WORD, _VALUE),
    st.builds(lambda name, value: f"{name}={value}", _WORD, _WORD),
)
_PIECE = st.one_of(
    st.builds(lambda name, inside: f"<{' '.join((name, *inside))}>", _WORD, st.lists(_ATTRIBUTE, max_size=4)),
    st.builds(lambda name: f"</{name}>", _WORD),
    st.builds(lambda text: f"<!-- {text} -->", _VALUE.filter(lambda text: "--" not in text)),
    st.text(st.characters(exclude_characters="<&\r\0"), max_size=8),
)


@example("<a></a>")
@example('<a b="c">text</a><a>')
@given(st.lists(_PIECE, max_size=12).map("".join))
def test_well_formed_documents_are_read_as_the_standard_library_reads_them(text: str) -> None:
    standard = _Standard()
    standard.feed(text)
    standard.close()
    assert named(text) == standard.found
