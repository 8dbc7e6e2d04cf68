from __future__ import annotations

import json
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.errors import UnavailableError
from cachi2ish.simple_api.fields import PageSource
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
        ({"project-status": "archived"}, "status", "active"),
        ({"meta": None}, "status", "active"),
        ({"meta": {"api-version": 1.0}}, "status", "active"),
        ({"meta": {"api-version": "newest"}}, "status", "active"),
        ({"meta": {"api-version": "1.99"}}, "status", "active"),
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
        b"[" * 100_000,
    ],
)
def test_what_is_no_project_page_is_refused_with_a_hint(body: bytes) -> None:
    with pytest.raises(UnavailableError) as caught:
        read_json(body, SOURCE)
    assert "demo" in caught.value.problem
    assert "/simple/" in str(caught.value.hint)
