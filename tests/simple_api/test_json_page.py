"""JSON pages are read whole; one bad value costs neither the page nor the other values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.errors import UnavailableError
from cachi2ish.simple_api.fields import MOST_MARKS, SMALL, PageSource
from cachi2ish.simple_api.json_pages import read_json

SOURCE = PageSource(
    canonicalize_name("demo"), "https://index.example/simple/", "https://index.example/simple/demo/"
)
GOOD = {"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {"sha256": "ab" * 32}}


def read(page: object) -> Page:
    return read_json(json.dumps(page).encode(), SOURCE)


def test_a_plain_page_is_read() -> None:
    page = read({"meta": {"api-version": "1.0"}, "name": "demo", "files": [GOOD]})
    (file,) = page.files
    assert (file.filename, file.url) == ("demo-1.0.tar.gz", "https://index.example/simple/demo/demo-1.0.tar.gz")
    assert file.digests == {Digest("sha256", "ab" * 32)}
    assert (page.status, page.status_reason) == ("active", "")


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        "demo-2.0.tar.gz",
        [],
        {},
        {"filename": "demo-2.0.tar.gz"},
        {"url": "demo-2.0.tar.gz"},
        {"filename": None, "url": "demo-2.0.tar.gz"},
        {"filename": "", "url": "demo-2.0.tar.gz"},
        {"filename": ["demo-2.0.tar.gz"], "url": "demo-2.0.tar.gz"},
        {"filename": "demo-2.0.tar.gz", "url": None},
        {"filename": "demo-2.0.tar.gz", "url": ""},
        {"filename": "demo-2.0.tar.gz", "url": "file:///etc/passwd"},
        {"filename": "demo-2.0.tar.gz", "url": "https://[broken/demo-2.0.tar.gz"},
    ],
)
def test_one_malformed_entry_does_not_cost_the_page(entry: object) -> None:
    page = read({"files": [entry, GOOD]})
    assert [file.filename for file in page.files] == ["demo-1.0.tar.gz"]


@pytest.mark.parametrize(
    ("stated", "field", "expected"),
    [
        ({"hashes": None}, "digests", frozenset()),
        ({"hashes": []}, "digests", frozenset()),
        ({"hashes": {"sha256": 5, "blake99": "ab", "md5": "xyz", "sha1": ""}}, "digests", frozenset()),
        ({"hashes": {"SHA-256": "AB" * 32, "sha512": None}}, "digests", {Digest("sha256", "ab" * 32)}),
        ({"url": "x.zip#sha256=" + "ab" * 32, "hashes": {}}, "digests", {Digest("sha256", "ab" * 32)}),
        ({"size": 12}, "size", 12),
        ({"size": 0}, "size", 0),
        ({"size": -1}, "size", None),
        ({"size": True}, "size", None),
        ({"size": "12"}, "size", None),
        ({"size": 12.5}, "size", None),
        ({"size": 10**30}, "size", None),
        ({"yanked": False}, "yanked", False),
        ({"yanked": ""}, "yanked", False),
        ({"yanked": None}, "yanked", False),
        ({"yanked": {}}, "yanked", False),
        ({"yanked": True}, "yanked", True),
        ({"yanked": "broken"}, "yanked", True),
        ({"yanked": "broken"}, "yanked_reason", "broken"),
        ({"yanked": "true"}, "yanked_reason", "true"),
        ({"requires-python": ">=3.8"}, "requires_python", ">=3.8"),
        ({"requires-python": ""}, "requires_python", None),
        ({"requires-python": 3}, "requires_python", None),
        ({"upload-time": "soon"}, "upload_time", None),
        ({"upload-time": 1700000000}, "upload_time", None),
        ({"upload-time": None}, "upload_time", None),
        ({"core-metadata": 7, "gpg-sig": "?", "provenance": []}, "size", None),
        ({"core-metadata": True}, "core_metadata", ()),
        ({"core-metadata": False}, "core_metadata", None),
        ({"core-metadata": None}, "core_metadata", None),
        ({"core-metadata": "yes"}, "core_metadata", None),
        ({"core-metadata": {}}, "core_metadata", ()),
        ({"core-metadata": {"sha256": "ab", "md5": 7}}, "core_metadata", (("sha256", "ab"),)),
        ({"dist-info-metadata": {"sha256": "ab"}}, "core_metadata", (("sha256", "ab"),)),
        ({"core-metadata": False, "dist-info-metadata": True}, "core_metadata", None),
        ({"provenance": "https://index.example/p"}, "provenance", "https://index.example/p"),
        ({"provenance": None}, "provenance", None),
        (
            {"upload-time": "2024-10-01T02:00:00.5+02:00"},
            "upload_time",
            datetime(2024, 10, 1, 0, 0, 0, 500000, UTC),
        ),
        (
            {"upload-time": "2024-10-01T23:59:59.9999999Z"},
            "upload_time",
            datetime(2024, 10, 1, 23, 59, 59, 999999, UTC),
        ),
    ],
)
def test_odd_fields_of_a_file_become_their_defaults(stated: dict[str, Any], field: str, expected: object) -> None:
    (file,) = read({"files": [{**GOOD, **stated}]}).files
    assert getattr(file, field) == expected


@pytest.mark.parametrize(
    ("stated", "field", "expected"),
    [
        ({"project-status": {"status": "archived", "reason": "done"}}, "status", "archived"),
        ({"project-status": {"status": "archived", "reason": "done"}}, "status_reason", "done"),
        ({"project-status": {"status": "Quarantined"}}, "status", "quarantined"),
        ({"project-status": {"status": None}}, "status", "active"),
        ({"project-status": {"status": " "}}, "status", "active"),
        ({"project-status": "archived"}, "status", "active"),
        ({"meta": None}, "status", "active"),
        ({"meta": {"api-version": 1.0}}, "status", "active"),
        ({"meta": {"api-version": "newest"}}, "status", "active"),
        ({"meta": {"api-version": "1.99"}}, "status", "active"),
        ({"versions": ["1.0", "2.0"]}, "versions", ("1.0", "2.0")),
        ({"versions": []}, "versions", ()),
        ({"versions": ["1.0", 2.0]}, "versions", ("1.0",)),
        ({"versions": None}, "versions", None),
        ({"versions": "1.0"}, "versions", None),
        ({"meta": {"_last-serial": 7}}, "last_serial", 7),
        ({"meta": {"_last-serial": "7"}}, "last_serial", 7),
        ({"meta": {"_last-serial": "seven"}}, "last_serial", None),
        ({"meta": {"_last-serial": -1}}, "last_serial", None),
        ({"meta": {"_last-serial": 10**30}}, "last_serial", None),
        ({"meta": {"api-version": None, "_last-serial": 7}}, "last_serial", 7),
    ],
)
def test_odd_fields_of_a_page_become_their_defaults(stated: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(read({"files": [GOOD], **stated}), field) == expected


@pytest.mark.parametrize("version", ["2.0", "2", "10.1", 2.0, "9" * 5000])
def test_an_unknown_major_version_of_the_api_is_refused(version: object) -> None:
    with pytest.raises(UnavailableError, match=r"version .* of the Simple repository API"):
        read({"meta": {"api-version": version}, "files": []})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'"text"',
        b"{}",
        b'{"files": null}',
        b'{"files": {}}',
        b'{"meta": {"api-version": "1.0"}, "projects": [{"name": "demo"}]}',
        b'{"files": [], "name": "\xff"}',
        b'{"files": [], "name": "\\ud800"}',
        b'{"files": [7], "name": "\\ud800"}',
        b'{"files": [7], "name": "demo"',
        '{"files": []}'.encode("utf-16"),
        b"[" * 100_000,
    ],
)
def test_what_is_no_project_page_is_refused_with_a_hint(body: bytes) -> None:
    with pytest.raises(UnavailableError) as caught:
        read_json(body, SOURCE)
    assert "demo" in caught.value.problem
    assert "/simple/" in str(caught.value.hint)


def test_a_page_that_ends_too_early_is_refused() -> None:
    body = json.dumps({"files": [{**GOOD, "filename": f"demo-1.{minor}.tar.gz"} for minor in range(100)]}).encode()
    with pytest.raises(UnavailableError, match="not valid JSON"):
        read_json(body[:-100], SOURCE)


@pytest.mark.parametrize(
    "reason", ["},{", '"},{"', "broken: }", 'it is "broken"', "two\nlines", "see [the notes]", "\u0661"]
)
def test_any_text_may_be_the_reason_of_a_yanked_file(reason: str) -> None:
    page = read({"files": [GOOD, {**GOOD, "yanked": reason, "extra": [{"filename": "demo-1.5.tar.gz"}]}, GOOD]})
    assert [file.yanked_reason for file in page.files] == ["", reason, ""]


_TIMES = st.sampled_from(
    [
        "2024-10-01T12:34:56Z",
        "2024-10-01T12:34:56.5Z",
        "2024-10-01t12:34:56.123456789z",
        "2024-10-01T02:00:00+02:00",
    ]
)
_URLS = st.sampled_from(
    [
        *("https://files.example/a/demo-1.0.tar.gz", "https://other.example/demo-1.0.tar.gz"),
        *(
            "../../demo-1.0.tar.gz",
            "https://files.example/a b",
            "HTTPS://files.example/x",
            "https://files.example/\u00e9",
        ),
        *("https://files.example/x#sha256=" + "ab" * 32, "https://files.example/\x7f", "mailto:x@files.example"),
    ]
)
_ENTRIES = st.fixed_dictionaries(
    {"filename": st.sampled_from(["demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"]), "url": _URLS},
    optional={
        "hashes": st.dictionaries(st.sampled_from(["sha256", "md5"]), st.sampled_from(["ab" * 32, "0" * 32])),
        "requires-python": st.none() | st.sampled_from(["", ">=3.9"]),
        "size": st.none() | st.integers(0, 2**63 - 1),
        "upload-time": st.none() | _TIMES,
        "yanked": st.booleans() | st.text(max_size=5),
        "core-metadata": st.booleans() | st.just({"sha256": "ab" * 32}),
        "provenance": st.none() | st.just("https://index.example/p"),
    },
)


@given(st.lists(_ENTRIES, max_size=5))
def test_a_bad_entry_makes_no_difference_to_the_others(entries: list[dict[str, object]]) -> None:
    """The page is then read in another way, value by value."""
    as_one_by_one = [file for entry in entries for file in read({"files": [entry]}).files]
    assert list(read({"files": entries}).files) == as_one_by_one
    assert list(read({"files": [*entries, 7]}).files) == as_one_by_one
    bad_times = [{**entry, "size": "much", "upload-time": 7} for entry in entries]
    assert list(read({"files": [*entries, *bad_times]}).files)[: len(as_one_by_one)] == as_one_by_one


@pytest.mark.parametrize(
    "piece", [b"[]", b"7", b'{"filename":"demo-1.0.zip","url":"x"}', b'""', b'{"a":[1,2,3]}'], ids=repr
)
@pytest.mark.parametrize("name", ["files", "versions", "name"])
def test_a_page_of_too_many_small_pieces_is_refused_before_it_is_read(piece: bytes, name: str) -> None:
    others = {"files": b'"name":"demo"'}.get(name, b'"files":[]')
    body = b'{%b,"%b":[%b]}' % (others, name.encode(), b",".join([piece] * (MOST_MARKS + 1)))
    body += b" " * SMALL
    with pytest.raises(UnavailableError, match="lists more than any project has"):
        read_json(body, SOURCE)


def test_a_specifier_that_is_far_too_long_is_none() -> None:
    (file,) = read({"files": [{**GOOD, "requires-python": "!=3.1," * 100_000}]}).files
    assert file.requires_python is None
