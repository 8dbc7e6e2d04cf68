"""Index pages in both forms: what is read is written and read again the same, and both forms say one thing."""

from __future__ import annotations

import gzip
import json
from datetime import UTC
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import choose
from cachi2ish.core.choose.explain import words_of
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.urls import Address
from cachi2ish.http.interface import Response
from cachi2ish.index.upload_times import MetadataDocuments
from cachi2ish.services.fetch.input.input_argument import read_input
from cachi2ish.services.fetch.input.package_input import policy_of
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.html_pages import read_html, write_html
from cachi2ish.simple_api.json_listing import skim_json
from cachi2ish.simple_api.json_pages import read_json, write_json
from tests.core.one_project import pin
from tests.fuzz.campaign import fuzzed
from tests.fuzz.mutating import bytes_like, json_like, text_like

INDEX = "https://index.example/simple/"
SOURCE = PageSource(canonicalize_name("demo"), INDEX, f"{INDEX}demo/")
SHA256 = "ab" * 32

JSON: tuple[dict[str, Any], ...] = (
    {
        "meta": {"api-version": "1.4", "_last-serial": 7},
        "name": "demo",
        "versions": ["1.0", "2.0"],
        "project-status": {"status": "archived", "reason": "done"},
        "files": [
            {
                "filename": "demo-1.0-py3-none-any.whl",
                "url": "https://files.example/demo-1.0-py3-none-any.whl#sha256=" + SHA256,
                "hashes": {"sha256": SHA256, "md5": "cd" * 16},
                "requires-python": ">=3.9,<4",
                "size": 12,
                "upload-time": "2024-10-01T12:34:56.000789Z",
                "yanked": 'not "good" & <slow>',
                "core-metadata": {"sha256": "01" * 32},
                "dist-info-metadata": True,
                "provenance": "https://index.example/integrity/demo",
            },
            {"filename": "demo-2.0.tar.gz", "url": "../../f/demo-2.0.tar.gz", "hashes": {}, "yanked": False},
        ],
    },
    {"files": [], "meta": {"api-version": 1.0}},
    {"projects": [{"name": "demo"}], "meta": {"api-version": "1.0"}},
)
HTML = (
    f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="archived"><title>Links for demo</title><base href="/f/"></head>
<body><h1>Links for demo</h1><!-- a comment -->
<a href="https://files.example/demo-1.0-py3-none-any.whl#sha256={SHA256}" data-requires-python="&gt;=3.9,&lt;4"
 data-yanked="not &quot;good&quot; &amp; &lt;slow&gt;" data-upload-time="2024-10-01T12:34:56.000789Z"
 data-core-metadata="sha256={"01" * 32}" data-provenance="https://index.example/p">demo-1.0-py3-none-any.whl</a><br>
<A HREF='../demo-2.0.tar.gz' data-yanked>demo-2.0.tar.gz</A><br/>
<a href=demo-3.0.zip data-dist-info-metadata=true> demo-3.0 <b>.zip</b>&#46;&nbsp;</a>
<script>if (a < b) {{ "</a>" }}</script></body></html>
""",
    "<html><body><a href='demo-1.0.zip'>demo-1.0.zip</a></body></html>",
    (
        '<pre><a href="?C=N;O=D">Name</a>\n<a href="/simple/">Parent Directory</a> -\n'
        "<a href='demo-1.0.tar.gz'>demo-1.0..&gt;</a> 2024-01-01"
    ),
)
FILENAMES = (
    *(
        "demo-1.0.tar.gz",
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-1_x-cp312-abi3-manylinux_2_28_x86_64.whl",
        "demo-1.0.zip",
    ),
    *(
        "Demo-1!2.0+cpu.7-cp39.cp310-none-win32.win_amd64.whl",
        "demo-2.0.tar.bz2",
        "demo-1.0.egg",
        "demo-1.0.post1.tgz",
    ),
)
TAGS = (
    *(
        "<a",
        "<a href=",
        "</a>",
        "<base href=",
        "<meta name='pypi:",
        "<title>",
        "</title>",
        "<!--",
        "-->",
        "<![CDATA[",
        "<?",
        "]]>",
    ),
    *(
        "<!",
        "&#",
        "&amp",
        "&#x110000;",
        ";",
        "</",
        "/>",
        "<script>",
        "<textarea>",
        "<svg",
        "sha256=",
        "data-yanked",
        "https://[",
    ),
    *(
        " href=",
        " data-upload-time=",
        " data-requires-python=",
        "//",
        "javascript:",
        "http://h:99999/",
        "\x0c",
        "\u2028",
    ),
)


def check(page: Page) -> None:
    """All files have what a file must have, and what is written is read as it was."""
    for one in page.files:
        assert one.filename
        assert one.url.startswith(("http://", "https://"))
    once = read_json(write_json(page), SOURCE)
    assert once == replace(page, files=tuple(map(writable, page.files)))
    assert read_json(write_json(once), SOURCE) == once


def writable(file: IndexFile) -> IndexFile:
    """What of a file has a place: one hash of each algorithm, and a time that is one."""
    return replace(file, hashes=tuple(dict(file.hashes).items()), unreadable_time="")


@fuzzed(body=json_like(JSON))
def test_json_page(body: bytes) -> None:
    page = read_json(body, SOURCE)
    check(page)
    assert skim_json(body, SOURCE, gzip.compress(body)) == page


@fuzzed(
    body=bytes_like(HTML, TAGS),
    charset=st.sampled_from([None, None, "utf-8", "utf-16", "utf-7", "latin-1", "idna", "\0"]),
)
def test_html_page(body: bytes, charset: str | None) -> None:
    page = read_html(body, SOURCE, charset)
    check(page)


#: What is asked for: a version, and the digests of the lock.
PINS = [pin(version, *digests) for version in ("1.0", "2.0", "1") for digests in ((), (Digest("sha256", SHA256),))]
POLICIES = [
    policy_of(read_input(json.dumps({"type": "pip", **keys})).packages[0])
    for keys in (
        {},
        {"allow_binary": True},
        {
            "targets": [
                {"python": "3.12", "platform": "manylinux_2_28_x86_64"},
                {"python": "3.9", "platform": "win32"},
            ]
        },
    )
]


@fuzzed(
    body=json_like(JSON),
    names=st.lists(text_like(FILENAMES), max_size=4),
    requires=text_like([">=3.9,<4", "!=3.9.0,>=3", "~=3.8", "==3.*", ">=2.7, !=3.0.*"]),
    pinned=st.sampled_from(PINS),
    policy=st.sampled_from(POLICIES),
)
def test_choice(body: bytes, names: list[str], requires: str, pinned: Pinned, policy: Policy) -> None:
    listed = tuple(
        IndexFile(filename=name, url="https://files.example/x", requires_python=requires) for name in names if name
    )
    page = read_json(body, SOURCE)
    page = replace(page, files=(*page.files, *listed))
    choice = choose(pinned, page, policy)
    assert choice.files
    assert set(choice.files) <= set(page.files)
    for refusal in choice.refused:
        assert words_of(refusal.reason, refusal.facts)
    if pinned.digests:
        assert all(not one.digests or one.digests & pinned.digests for one in choice.files)


DOCUMENT = {
    "info": {"name": "demo"},
    "releases": {
        "1.0": [
            {
                "filename": "demo-1.0.zip",
                "digests": {"sha256": SHA256},
                "upload_time_iso_8601": "2024-10-01T12:34:56Z",
            }
        ],
        "2.0": [],
    },
}


@fuzzed(body=json_like([DOCUMENT]))
def test_upload_times(body: bytes) -> None:
    answer = Response(status=200, url="https://index.example/pypi/demo/json", headers={}, body=body)
    documents = MetadataDocuments(Address(INDEX), lambda: _Server(answer))
    for time in documents.times(SOURCE.project).values():
        assert time.tzinfo is UTC


class _Server:
    """Gives one answer."""

    def __init__(self, answer: Response) -> None:
        self._answer = answer

    def get(self, url: str, *, headers: object = None) -> Response:
        return self._answer


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
FILES = st.builds(
    IndexFile,
    filename=st.sampled_from(
        ["demo-1.0.tar.gz", "demo-1.0+cpu-cp312-abi3-manylinux_2_28_x86_64.whl", "demo-2 .zip"]
    )
    | TEXTS.map(lambda text: f"demo-{text}.zip"),
    url=st.just("https://files.example/"),
    hashes=st.sampled_from([(), (("sha256", SHA256),), (("md5", "cd" * 16),), (("sha512", "0" * 128),)]),
    requires_python=st.none() | TEXTS.map(str.strip).filter(bool),
    yanked=st.booleans(),
    yanked_reason=TEXTS,
    upload_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    core_metadata=st.sampled_from([None, (), (("sha256", "01" * 32),)]),
    provenance=st.none() | TEXTS.filter(bool),
)
PAGES = st.builds(
    Page,
    project=st.just(SOURCE.project),
    index=st.just(INDEX),
    files=st.lists(FILES, max_size=5).map(
        lambda files: tuple(
            replace(
                one,
                url=f"https://files.example/{quote(one.filename, safe='')}",
                yanked_reason=one.yanked_reason if one.yanked else "",
            )
            for one in files
        )
    ),
    status=st.sampled_from(["active", "archived", "quarantined", "a new word"]),
    status_reason=TEXTS,
)


@fuzzed(page=PAGES)
def test_both_forms_of_one_page_say_the_same(page: Page) -> None:
    of_json = read_json(write_json(page), SOURCE)
    of_html = read_html(write_html(page), SOURCE)
    assert of_json == page
    assert of_html == replace(of_json, versions=None, last_serial=None)
