"""Whatever a server sends, the answer is a page or one of our own errors."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError
from cachi2ish.http.interface import Response
from cachi2ish.index.http_index import SimpleIndex
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.html_pages import read_html
from cachi2ish.simple_api.json_pages import read_json

DEMO = canonicalize_name("demo")
NOWHERE = Path("/nowhere/catalogue.sqlite")
RUN_STARTED = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = PageSource(DEMO, "https://index.example/simple/", "https://index.example/simple/demo/")

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KEYS = ["filename", "url", "hashes", "yanked", "size", "upload-time", "requires-python"]
_FILES = st.dictionaries(st.sampled_from(_KEYS), _VALUES) | _VALUES
_PAGES = st.fixed_dictionaries(
    {"files": st.lists(_FILES, max_size=5) | _VALUES},
    optional=dict.fromkeys(("meta", "versions", "project-status", "name"), _VALUES),
)
_SHREDS = st.lists(
    st.sampled_from(
        [
            *("<a", " href=", "'", '"', ">", "<", "</a>", "<base", "<meta", " name=", "pypi:repository-version"),
            *(
                "<!",
                "<![",
                "<!--",
                "-->",
                "<?",
                "]]>",
                "&#",
                "&amp",
                ";",
                "/",
                "../",
                "//",
                "http:",
                "https://[",
                "#",
            ),
            *("sha256=", "ab" * 32, "demo-1.0.tar.gz", " data-upload-time=", "2024-10-01T00:00:00Z", " content="),
            *("\x00", "\ud7ff", "\uffff", "<title>", "Links for", "<script>", "</", "=", "<svg", "<textarea>"),
        ],
    )
    | st.text(max_size=6),
    max_size=40,
).map("".join)


@given(_PAGES)
def test_any_json_is_a_page_or_an_error_of_ours(page: object) -> None:
    with contextlib.suppress(Cachi2ishError):
        read_json(json.dumps(page).encode(), SOURCE)


@given(st.binary() | _SHREDS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_json_page_or_an_error_of_ours(body: bytes) -> None:
    with contextlib.suppress(Cachi2ishError):
        read_json(body, SOURCE)


@given(_SHREDS, st.sampled_from([None, "utf-8", "utf-16", "utf-7", "raw_unicode_escape", "punycode", "\x00"]))
def test_any_text_is_an_html_page_or_an_error_of_ours(text: str, charset: str | None) -> None:
    with contextlib.suppress(Cachi2ishError):
        page = read_html(text.encode("utf-8", "surrogatepass"), SOURCE, charset)
        assert all(file.filename and file.url.startswith("http") for file in page.files)


class _Says:
    """A server whose every answer is this one."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def get(self, url: str, *, headers: object = None) -> Response:
        return self._response


@given(
    st.integers(200, 499),
    st.text(max_size=20)
    | st.sampled_from(["text/html; charset=", "text/html;charset*=x''y"]).flatmap(
        lambda start: st.text(max_size=8).map(lambda end: start + end),
    ),
    st.sampled_from(["https://index.example/simple/demo/", "https://[", "", "https://u:p@h.example/"]),
)
def test_any_status_and_type_is_a_page_or_an_error_of_ours(status: int, content_type: str, url: str) -> None:
    headers = {"content-type": content_type, "etag": "x"}
    server = _Says(Response(status=status, url=url, headers=headers, body=b"<a href=demo-1.0.zip>"))
    with contextlib.suppress(Cachi2ishError), SqliteCatalogue(NOWHERE, read_only=True) as catalogue:
        SimpleIndex(Address("https://index.example/simple/"), lambda: server, catalogue, RUN_STARTED).page(DEMO)


@given(st.text(max_size=30) | _SHREDS)
def test_any_index_address_is_an_index_or_an_error_of_ours(url: str) -> None:
    server = _Says(Response(status=404, url=url, headers={}, body=b""))
    with contextlib.suppress(Cachi2ishError), SqliteCatalogue(NOWHERE, read_only=True) as catalogue:
        SimpleIndex(Address(url), lambda: server, catalogue, RUN_STARTED).page(DEMO)
