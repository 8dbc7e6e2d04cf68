"""The pages of an output are those that the writers of pages make, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.simple_api.html_pages import write_html, write_html_list
from cachi2ish.simple_api.json_pages import write_json, write_json_list
from cachi2ish.simple_api.page_tree import page_tree

_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True).map(canonicalize_name)
_FILES = st.builds(
    lambda name, sha256, size, time: IndexFile(
        filename=name, url=f"../../pip/{name}", hashes=(("sha256", sha256),), size=size, upload_time=time
    ),
    st.text("ab1.+_-&<>\"'é \\", min_size=1, max_size=20),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(0, 2**40),
    st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  (st adds it)
)
_PAGES = st.lists(
    st.builds(
        lambda project, files, versions: Page(
            project=project, index="", files=tuple(files), versions=tuple(versions)
        ),
        _NAMES,
        st.lists(_FILES, max_size=4),
        st.lists(st.text("0123456789.+é", min_size=1), max_size=3),
    ),
    max_size=4,
    unique_by=lambda page: page.project,
)


@given(_PAGES)
def test_a_tree_has_the_pages_that_the_writers_make(pages: list[Page]) -> None:
    names = [page.project for page in pages]
    expected = {"index.html": write_html_list(names), "index.json": write_json_list(dict.fromkeys(names))}
    for page in pages:
        expected[f"{page.project}/index.html"] = write_html(page)
        expected[f"{page.project}/index.json"] = write_json(page)
    assert {path: text.encode() for path, text in page_tree(pages)} == expected
