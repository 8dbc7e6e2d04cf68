"""What is written is read again as it was, by this reader, by the standard library and by pypi-simple."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from pypi_simple import ProjectPage

from cachi2ish.core.pages import Hashes, IndexFile, Page
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.html_pages import read_html, write_html, write_html_list
from cachi2ish.simple_api.json_pages import read_json, write_json, write_json_list

INDEX = "https://index.example/simple/"
DEMO = canonicalize_name("demo")
SOURCE = PageSource(DEMO, INDEX, f"{INDEX}demo/")
SHA256, MD5 = ("sha256", "ab" * 32), ("md5", "cd" * 16)

FILE = IndexFile(
    filename="demo-1.0-py3-none-any.whl",
    url="https://files.example/demo-1.0-py3-none-any.whl",
    hashes=(SHA256, MD5),
    requires_python=">=3.9,<4",
    yanked=True,
    yanked_reason='not "good" & <slow>',
    size=12,
    upload_time=datetime(2024, 10, 1, 12, 34, 56, 789, tzinfo=UTC),
    core_metadata=(("sha256", "01" * 32),),
    provenance="https://index.example/integrity/demo",
)


def page_of(*files: IndexFile, status: str = "active", versions: tuple[str, ...] | None = None) -> Page:
    return Page(project=DEMO, index=INDEX, files=files, status=status, versions=versions)


def test_a_json_page_has_the_fields_that_the_peps_name() -> None:
    page = Page(
        project=DEMO,
        index=INDEX,
        files=(FILE,),
        status="archived",
        status_reason="done",
        versions=("1.0",),
        last_serial=7,
    )
    assert json.loads(write_json(page)) == {
        "meta": {"api-version": "1.4", "_last-serial": 7},
        "name": "demo",
        "versions": ["1.0"],
        "files": [
            {
                "filename": "demo-1.0-py3-none-any.whl",
                "url": "https://files.example/demo-1.0-py3-none-any.whl",
                "hashes": {"sha256": "ab" * 32, "md5": "cd" * 16},
                "requires-python": ">=3.9,<4",
                "size": 12,
                "upload-time": "2024-10-01T12:34:56.000789Z",
                "yanked": 'not "good" & <slow>',
                "core-metadata": {"sha256": "01" * 32},
                "provenance": "https://index.example/integrity/demo",
            }
        ],
        "project-status": {"status": "archived", "reason": "done"},
    }


def test_an_html_page_has_the_attributes_that_the_peps_name() -> None:
    text = write_html(page_of(FILE, status="archived")).decode()
    assert '<meta name="pypi:repository-version" content="1.4">' in text
    assert '<meta name="pypi:project-status" content="archived">' in text
    assert (
        f'<a href="https://files.example/demo-1.0-py3-none-any.whl#sha256={"ab" * 32}"'
        ' data-requires-python="&gt;=3.9,&lt;4" data-yanked="not &quot;good&quot; &amp; &lt;slow&gt;"'
        ' data-upload-time="2024-10-01T12:34:56.000789Z"'
        f' data-core-metadata="sha256={"01" * 32}" data-provenance="https://index.example/integrity/demo"'
        ">demo-1.0-py3-none-any.whl</a><br>\n"
    ) in text


def test_what_is_not_known_is_left_out() -> None:
    bare = IndexFile(filename="demo-1.0.zip", url="demo-1.0.zip")
    assert json.loads(write_json(page_of(bare))) == {
        "meta": {"api-version": "1.0"},  # 1.1 demands versions and sizes (PEP 700)
        "name": "demo",
        "files": [{"filename": "demo-1.0.zip", "url": "demo-1.0.zip", "hashes": {}}],
    }
    assert '<a href="demo-1.0.zip">demo-1.0.zip</a><br>' in write_html(page_of(bare)).decode()


@pytest.mark.parametrize(
    ("files", "versions", "expected"),
    [
        ((), (), "1.4"),
        ((FILE,), ("1.0",), "1.4"),
        ((FILE,), None, "1.0"),
        ((replace(FILE, size=None),), (), "1.0"),
    ],
)
def test_a_page_claims_no_version_of_the_api_whose_fields_it_lacks(
    files: tuple[IndexFile, ...], versions: tuple[str, ...] | None, expected: str
) -> None:
    assert json.loads(write_json(page_of(*files, versions=versions)))["meta"]["api-version"] == expected


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        ((MD5, SHA256), "sha256=" + "ab" * 32),
        ((MD5, ("sha512", "0" * 128)), "sha512=" + "0" * 128),
        ((MD5,), "md5=" + "cd" * 16),
        ((("blake99", "ab"), ("sha256", "short")), ""),
        ((), ""),
    ],
)
def test_html_names_the_hash_that_proves_most(hashes: Hashes, expected: str) -> None:
    (file,) = read_html(write_html(page_of(replace(FILE, hashes=hashes))), SOURCE).files
    assert "&".join(map("=".join, file.hashes)) == expected


def test_lists_of_projects_are_sorted_and_escaped() -> None:
    assert json.loads(write_json_list({"b": None, "a&b": 3}, last_serial=9)) == {
        "meta": {"api-version": "1.4", "_last-serial": 9},
        "projects": [{"name": "a&b", "_last-serial": 3}, {"name": "b"}],
    }
    text = write_html_list(["b", "a&b"]).decode()
    assert text.index('<a href="a%26b/">a&amp;b</a>') < text.index('<a href="b/">b</a>')


def test_a_project_without_files_is_read_as_one() -> None:
    for page in (page_of(versions=()), page_of(status="quarantined")):
        assert read_json(write_json(page), SOURCE) == page
        assert read_html(write_html(page), SOURCE).status == page.status


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_HASHES = st.lists(st.sampled_from([SHA256, MD5, ("blake99", "x")]), unique=True, max_size=3).map(tuple)
_NAMES = st.one_of(
    st.sampled_from(
        ["demo-1.0.tar.gz", "Demo-1.0+cpu-py3-none-any.whl", "demo-1.0 (2).zip", "demo-&amp;-1.0.zip"]
    ),
    _TEXT.map(lambda text: f"demo-{text}.zip"),
)
_FILES = st.builds(
    IndexFile,
    filename=_NAMES,
    url=_TEXT.map(lambda text: f"https://files.example/{quote(text, safe='')}"),
    hashes=_HASHES,
    requires_python=st.none() | _TEXT.map(str.strip).filter(bool),
    yanked=st.just(value=True),
    yanked_reason=_TEXT,
    size=st.none() | st.integers(0, 2**63 - 1),
    upload_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    core_metadata=st.none() | _HASHES,
    provenance=st.none() | _TEXT.filter(bool),
)
_PAGES = st.builds(
    Page,
    project=st.just(DEMO),
    index=st.just(INDEX),
    files=st.lists(
        _FILES | _FILES.map(lambda file: replace(file, yanked=False, yanked_reason="")), max_size=4
    ).map(tuple),
    status=_TEXT.map(lambda text: text.strip().lower().strip() or "active"),
    status_reason=_TEXT,
    versions=st.none() | st.lists(_TEXT, max_size=3).map(tuple),
    last_serial=st.none() | st.integers(0, 2**63 - 1),
)


@given(_PAGES)
def test_a_json_page_is_read_as_it_was_written(page: Page) -> None:
    body = write_json(page)
    assert read_json(body, SOURCE) == page
    assert write_json(read_json(body, SOURCE)) == body


@given(_PAGES)
def test_an_html_page_is_read_as_it_was_written_as_far_as_html_can_say(page: Page) -> None:
    named = tuple(
        replace(
            file,
            # As on any index, an address ends in the file's name, which is the name where the text is none.
            url=f"https://files.example/{quote(file.filename, safe='')}",
            size=None,
            hashes=tuple(one for one in file.hashes if one == SHA256),
            core_metadata=None if file.core_metadata is None else tuple(file.core_metadata[:1]) and (SHA256,),
        )
        for file in page.files
    )
    written = Page(project=DEMO, index=INDEX, files=named, status=page.status, status_reason=page.status_reason)
    body = write_html(written)
    assert read_html(body, SOURCE) == written
    assert write_html(read_html(body, SOURCE)) == body


class _Links(HTMLParser):
    """What the standard library reads of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs))
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts and self.texts[-1] == "":
            self.texts[-1] = data


_WRITABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(_WRITABLE, _WRITABLE)
def test_the_standard_library_reads_the_same_html(name: str, reason: str) -> None:
    file = IndexFile(filename=f"demo-{name}.zip", url="https://files.example/x", yanked=True, yanked_reason=reason)
    parser = _Links()
    parser.feed(write_html(page_of(file)).decode())
    parser.close()
    assert parser.found == [{"href": "https://files.example/x", "data-yanked": reason}]
    assert parser.texts == [file.filename]


def test_pypi_simple_reads_the_same_pages() -> None:
    page = page_of(FILE, status="archived", versions=("1.0",))
    of_json = ProjectPage.from_json_data(json.loads(write_json(page)))
    of_html = ProjectPage.from_html("demo", write_html(page).decode())
    for read in (of_json, of_html):
        (package,) = read.packages
        assert (package.filename, package.url) == (FILE.filename, FILE.url)
        assert package.digests["sha256"] == SHA256[1]
        assert (package.is_yanked, package.yanked_reason) == (True, FILE.yanked_reason)
        assert package.requires_python == FILE.requires_python
        assert package.metadata_digests == {"sha256": "01" * 32}
        assert package.provenance_url == FILE.provenance
        assert read.status == "archived"
    assert of_json.packages[0].upload_time == FILE.upload_time
    assert of_json.packages[0].size == FILE.size
