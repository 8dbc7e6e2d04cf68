from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.errors import UnavailableError
from cachi2ish.simple_api.fields import LONGEST_VALUE, MOST_MARKS, SMALL, PageSource
from cachi2ish.simple_api.html_pages import read_html

BASE = "https://index.example/simple/demo/"
SOURCE = PageSource(canonicalize_name("demo"), "https://index.example/simple/", BASE)
SHA256 = "ab" * 32


def read(text: str) -> Page:
    return read_html(text.encode(), SOURCE)


def only_file(text: str) -> IndexFile:
    (file,) = read(text).files
    return file


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("<a href=demo-1.0.tar.gz>demo-1.0.tar.gz</a>", "url", f"{BASE}demo-1.0.tar.gz"),
        ("<A HREF='demo-1.0.tar.gz'>demo-1.0.tar.gz</A>", "filename", "demo-1.0.tar.gz"),
        ("<a href=demo-1.0.tar.gz> <b>demo</b>-1.0\n.tar.gz</a>", "filename", "demo-1.0.tar.gz"),
        ("<a href=demo-1.0.tar.gz>demo-1.0.t..&gt;</a>", "filename", "demo-1.0.tar.gz"),
        ("<a href=demo-1.0.tar.gz>Get demo-1.0.tar.gz</a>", "filename", "demo-1.0.tar.gz"),
        ("<a href=demo-1.0.tar.gz>files/demo-1.0.tar.gz</a>", "filename", "demo-1.0.tar.gz"),
        ("<a href=demo-1.0.tar.gz></a>", "filename", "demo-1.0.tar.gz"),
        ("<a href=..%2Fdemo-1.0.tar.gz></a>", "filename", "../demo-1.0.tar.gz"),
        ("<a href='demo-1.0%2Bcpu-py3-none-any.whl'>get</a>", "filename", "demo-1.0+cpu-py3-none-any.whl"),
        ("<a href='demo-1.0%2Bcpu.tar.gz'>demo-1.0+cpu.tar.gz</a>", "url", f"{BASE}demo-1.0%2Bcpu.tar.gz"),
        ("<a href='f?n=1&amp;v=2'>demo-1.0.tar.gz</a>", "url", f"{BASE}f?n=1&v=2"),
        ("<a href='demo-1.0.tar.gz'>demo&#45;1.0.tar.gz", "filename", "demo-1.0.tar.gz"),
        (
            "<base href='/files/'><a href='demo-1.0.tar.gz'></a>",
            "url",
            "https://index.example/files/demo-1.0.tar.gz",
        ),
        (
            "<base href='https://cdn.example/a/'><base href='/b/'><a href='demo-1.0.tar.gz'></a>",
            "url",
            "https://cdn.example/a/demo-1.0.tar.gz",
        ),
        (
            "<a href='demo-1.0.tar.gz'></a><base href='/late/'>",
            "url",
            "https://index.example/late/demo-1.0.tar.gz",
        ),
        (f"<a href='demo-1.0.tar.gz#sha256={SHA256}'></a>", "digests", {Digest("sha256", SHA256)}),
        ("<a href='demo-1.0.tar.gz#sha224=ab'></a>", "digests", frozenset()),
        ("<a href=demo-1.0.tar.gz data-requires-python='&gt;=3.8,&lt;4'></a>", "requires_python", ">=3.8,<4"),
        ("<a href=demo-1.0.tar.gz data-requires-python=''></a>", "requires_python", None),
        ("<a href=demo-1.0.tar.gz data-yanked></a>", "yanked", True),
        ("<a href=demo-1.0.tar.gz data-yanked=''></a>", "yanked", True),
        ("<a href=demo-1.0.tar.gz data-yanked='too &quot;new&quot;'></a>", "yanked_reason", 'too "new"'),
        ("<a href=demo-1.0.tar.gz></a>", "yanked", False),
        (
            "<a href=demo-1.0.tar.gz data-upload-time='2024-10-01T02:00:00.5+02:00'></a>",
            "upload_time",
            datetime(2024, 10, 1, 0, 0, 0, 500000, tzinfo=UTC),
        ),
        ("<a href=demo-1.0.tar.gz data-upload-time='2024-10-01'></a>", "upload_time", None),
        ("<a href=demo-1.0.tar.gz data-upload-time></a>", "upload_time", None),
        ("<a href=demo-1.0.tar.gz href=other-1.0.tar.gz></a>", "filename", "demo-1.0.tar.gz"),
    ],
)
def test_an_anchor_is_read(text: str, field: str, expected: object) -> None:
    assert getattr(only_file(text), field) == expected


def test_anchors_that_are_never_closed_are_read() -> None:
    page = read("<a href=demo-1.0.tar.gz>demo-1.0.tar.gz<br><a href=demo-2.0.tar.gz>demo-2.0.tar.gz")
    assert [file.filename for file in page.files] == ["demo-1.0.tar.gz", "demo-2.0.tar.gz"]


def test_links_that_are_no_distributions_are_left_out() -> None:
    page = read(
        "<title>Index of /simple/demo</title><a href='?C=N;O=D'>Name</a><a href='../'>Parent</a><a>x</a>"
        "<a href>y</a><a href='https://demo.example/'>Home</a><a href='demo-1.0.tar.gz.asc'>signature</a>"
        "<a href='javascript:demo.whl'>demo.whl</a><a href='http://[x/demo.zip'>demo.zip</a>"
        "<a href='demo-1.0.zip'>demo-1.0.zip</a><!-- <a href='demo-2.0.zip'>demo-2.0.zip</a> -->",
    )
    assert [file.filename for file in page.files] == ["demo-1.0.zip"]


@pytest.mark.parametrize(
    "text",
    [
        "<title>Links for demo</title>",
        "<html><head><title> LINKS FOR demo</title></head><body><h1>Links for demo</h1></body></html>",
        "<meta name='pypi:repository-version' content='1.0'><title>demo</title>",
    ],
)
def test_a_project_without_files_is_a_project(text: str) -> None:
    assert read(text).files == ()


def test_a_status_is_read_from_meta_tags() -> None:
    page = read(
        "<meta name='pypi:project-status' content='Quarantined'>"
        "<meta name=pypi:project-status-reason content='a &amp; b'><title>Links for demo</title>",
    )
    assert (page.status, page.status_reason) == ("quarantined", "a & b")
    assert read("<title>Links for demo</title>").status == "active"


@pytest.mark.parametrize("version", ["2.0", "3", " 10.0 "])
def test_an_unknown_major_version_of_the_api_is_refused(version: str) -> None:
    with pytest.raises(UnavailableError, match=r"version .* of the Simple repository API"):
        read(f"<meta name='pypi:repository-version' content='{version}'><a href=demo-1.0.tar.gz></a>")


@pytest.mark.parametrize("version", ["1.0", "1.99", "", "newest", "v2"])
def test_any_other_version_of_the_api_is_read(version: str) -> None:
    assert read(f"<meta name='pypi:repository-version' content='{version}'><a href=demo-1.0.tar.gz></a>").files


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "<title>Log in</title><form><input name=user></form><a href='/forgot'>Forgot?</a>",
        "<title>Log in</title>",
        "<meta name='pypi:repository-version' content='1.0'><title>Simple index</title><a href='demo/'>demo</a>",
        '{"files": []}',
        "<![if ",
        "<a href=demo-1.0.tar.gz>&#" + "9" * 5000 + ";",
    ],
)
def test_what_is_no_project_page_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        read(text)
    assert "demo" in caught.value.problem
    assert "/simple/" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("\ufeff<a href=demo-1.0.zip data-yanked='gr\u00fcn'>".encode(), "latin-1"),
        ("<a href=demo-1.0.zip data-yanked='gr\u00fcn'>".encode("latin-1"), "latin-1"),
        ("<a href=demo-1.0.zip data-yanked='gr\u00fcn'>".encode("utf-16"), "utf-16"),
        ("<a href=demo-1.0.zip data-yanked='gr\u00fcn'>".encode(), "no-such-charset"),
        ("<a href=demo-1.0.zip data-yanked='gr\u00fcn'>".encode(), "hex"),
        ("<a href=demo-1.0.zip data-yanked='gr\u00fcn'>".encode(), "idna"),
        ("<a href=demo-1.0.zip data-yanked='gr\u00fcn'>".encode(), None),
    ],
)
def test_pages_are_decoded_as_their_server_says(body: bytes, charset: str | None) -> None:
    assert read_html(body, SOURCE, charset).files[0].yanked_reason == "gr\u00fcn"


_PIECES = st.sampled_from(
    [
        *(
            "<a",
            ">",
            "</a>",
            "</a",
            "<br>",
            "<br />",
            "\n",
            " ",
            "<b>",
            "<!--",
            "-->",
            "<title>",
            "</title>",
            "<script>",
        ),
        *(
            " href=",
            "demo-1.0.zip",
            '"',
            "'",
            "#sha256=",
            SHA256,
            "&amp;",
            "&",
            " data-yanked",
            "https://f.example/",
        ),
        *(
            ' href="demo-1.0.zip"',
            ' href="x/demo-2.0.zip#sha256=ab"',
            ' data-requires-python="&gt;=3"',
            ' data-yanked=""',
        ),
        *(
            '<a href="demo-1.0.zip">demo-1.0.zip</a>',
            '<a href="../demo-3.0.zip" href="no.zip"> demo-3.0.zip\n</a><br>',
        ),
    ]
)


@given(st.lists(_PIECES, max_size=14).map("".join))
def test_an_anchor_in_the_usual_form_is_read_as_any_other(text: str) -> None:
    """The reader looks for small letters only: an anchor in capitals is always read tag by tag."""
    page = f"<title>Links for demo</title>{text}"
    usual, other = ([asdict(file) for file in read(one).files] for one in (page, page.replace("<a", "<A")))
    assert str(usual) == str(other).replace("<A", "<a")


def test_a_page_of_too_many_tags_is_refused_before_it_is_read() -> None:
    for tag in ("<a>", "<"):
        with pytest.raises(UnavailableError, match="lists more than any project has"):
            read(tag * (MOST_MARKS + 1) + " " * SMALL)


def test_a_tag_that_is_far_too_long_is_refused() -> None:
    with pytest.raises(UnavailableError, match="not valid HTML"):
        read(f"<a {'b ' * LONGEST_VALUE}href=demo-1.0.zip>demo-1.0.zip</a>")
