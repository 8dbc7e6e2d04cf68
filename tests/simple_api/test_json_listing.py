"""A page of which few files are looked at says the same as one whose files are all made at once."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.pages import IndexFile, ListedFiles, Page
from cachi2ish.errors import UnavailableError
from cachi2ish.simple_api import json_listing
from cachi2ish.simple_api.json_listing import skim_json, unpack_json
from cachi2ish.simple_api.json_pages import WireFile, file_of, read_json
from tests.simple_api.test_json_page import SOURCE

FILES = "https://files.example/"


def entry(name: str, **more: object) -> dict[str, object]:
    return {"filename": name, "url": FILES + name, "hashes": {"sha256": "ab" * 32}, **more}


PAGE = {
    "meta": {"api-version": "1.4", "_last-serial": 7},
    "name": "demo",
    "versions": ["1.0", "2.0"],
    "project-status": {"status": "archived", "reason": "old"},
    "files": [
        entry(
            "demo-1.0.tar.gz", size=3, **{"upload-time": "2024-10-01T12:34:56.789Z", "requires-python": ">=3.9"}
        ),
        entry("demo-1.0-py3-none-any.whl", yanked="broken", **{"core-metadata": {"sha256": "cd" * 32}}),
        entry("demo-2.0-py3-none-any.whl", yanked=True, provenance="https://index.example/p"),
    ],
}


def skim(page: object) -> Page:
    body = json.dumps(page).encode()
    return skim_json(body, SOURCE, gzip.compress(body))


def outcome(read: Any) -> object:
    try:
        return read()
    except UnavailableError as error:
        return str(error)


def test_it_says_what_a_page_says_that_is_read_whole() -> None:
    page, whole = skim(PAGE), read_json(json.dumps(PAGE).encode(), SOURCE)
    assert isinstance(page.files, ListedFiles)
    assert page == whole
    assert whole == page
    assert page.files[1:] == whole.files[1:]
    assert hash(page.files) == hash(whole.files)
    for version in ("1", "2.0", "3"):
        assert page.files_of(version) == whole.files_of(version)


def test_of_all_files_those_that_are_asked_for_become_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counting(entry: WireFile, *values: Any) -> IndexFile:
        made.append(entry.filename)
        return file_of(entry, *values)

    monkeypatch.setattr(json_listing, "file_of", counting)
    page = skim({"files": [entry(f"demo-{number}.0.tar.gz") for number in range(1000)]})
    assert [file.filename for file in page.files_of("7")] == ["demo-7.0.tar.gz"]
    assert made == ["demo-7.0.tar.gz"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", "large"),
        ("size", -1),
        ("size", 2**70),
        ("size", 1e300),
        ("hashes", {"sha256": 7, "md5": "ab"}),
        ("hashes", []),
        ("yanked", 7),
        ("upload-time", "yesterday"),
        ("upload-time", 7),
        ("requires-python", {"a": 1}),
        ("core-metadata", {"sha256": None}),
    ],
)
def test_a_bad_value_costs_itself_and_not_the_file(key: str, value: object) -> None:
    page = {"files": [entry("demo-1.0.tar.gz", **{key: value}), entry("demo-2.0.tar.gz")]}
    skimmed = skim(page)
    assert isinstance(skimmed.files, ListedFiles)
    assert skimmed == read_json(json.dumps(page).encode(), SOURCE)


@pytest.mark.parametrize(
    "file",
    [
        None,
        {"filename": "demo-2.0.tar.gz"},
        {"filename": "", "url": f"{FILES}x"},
        {"filename": "demo-2.0.tar.gz", "url": "../relative.tar.gz"},
        {"filename": "demo-2.0.tar.gz", "url": "file:///etc/passwd"},
        {"filename": "demo-2.0.tar.gz", "url": "https://user:secret@files.example/x"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x?token=secret"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x#sha256={'01' * 32}"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x", "provenance": "https://user:secret@index.example/"},
        {"filename": "demo-\u00e9.tar.gz", "url": f"{FILES}x"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x", "yanked": "not \u2026 good"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x", "yanked": "not\x00good"},
        {"filename": "demo-\t2.0.tar.gz", "url": f"{FILES}x", "yanked": 'not "good"'},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x", "yanked": "why? \\"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x?token=secret", "yanked": "why"},
        {
            "filename": "demo-2.0.tar.gz",
            "url": f"{FILES}x",
            "yanked": {"why": "https://user:secret@files.example/"},
        },
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x", "other": "https://user:secret@files.example/"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x\x7f"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x y"},
        {"filename": "demo-2.0.tar.gz", "url": f"{FILES}x\n{FILES}y"},
    ],
)
def test_a_page_with_something_unusual_is_read_whole_at_once(file: object) -> None:
    page = {"files": [entry("demo-1.0.tar.gz"), file]}
    skimmed = skim(page)
    assert isinstance(skimmed.files, tuple)
    assert skimmed == read_json(json.dumps(page).encode(), SOURCE)


@pytest.mark.parametrize(
    "reason",
    ['not "good"', '"', '""', "why? see https://user@files.example/?a=b&c", 'a@"b"?&', "?", "", "a\r\n\tb"],
)
def test_what_is_said_of_a_yanked_file_may_have_quotes_and_links(reason: str) -> None:
    page = {"files": [entry("demo-1.0.tar.gz", yanked=reason), entry("demo-2.0.tar.gz", yanked=True)]}
    skimmed = skim(page)
    assert isinstance(skimmed.files, ListedFiles)
    assert skimmed == read_json(json.dumps(page).encode(), SOURCE)
    assert skimmed.files[0].yanked_reason == reason


def test_a_reason_that_is_stated_twice_does_not_speak_for_what_is_left_out() -> None:
    once = json.dumps({"files": [entry("demo-1.0.tar.gz", yanked="a")]})
    body = once.replace('"yanked": "a"', '"yanked": "user:secret@", "yanked": "a"').encode()
    skimmed = skim_json(body, SOURCE, gzip.compress(body))
    assert isinstance(skimmed.files, tuple)
    assert skimmed == read_json(body, SOURCE)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.text('"\n\\@?& /u', max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_KEYS = st.sampled_from(["size", "hashes", "yanked", "upload-time", "requires-python", "core-metadata", "url"])


@given(st.lists(st.dictionaries(_KEYS, _VALUES, max_size=2), max_size=4))
def test_whatever_stands_in_the_files_both_read_the_same(changes: list[dict[str, object]]) -> None:
    files = [{**entry(f"demo-{number}.tar.gz"), **change} for number, change in enumerate(changes)]
    body = json.dumps({"files": files}).encode()
    skimmed = outcome(lambda: skim_json(body, SOURCE, gzip.compress(body)))
    assert skimmed == outcome(lambda: read_json(body, SOURCE))


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 900 + "]" * 900, "1e9999"])
def test_a_value_that_python_cannot_read_is_told_as_ever(value: str) -> None:
    body = json.dumps(PAGE).replace('"size": 3', f'"size": {value}').encode()
    skimmed = outcome(lambda: tuple(skim_json(body, SOURCE, gzip.compress(body)).files))
    assert skimmed == outcome(lambda: tuple(read_json(body, SOURCE).files))


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"files": [1, ]}', b"[" * 100_000, b'{"files": ""}'])
def test_what_is_no_page_is_told_as_ever(body: bytes) -> None:
    assert outcome(lambda: skim_json(body, SOURCE, b"x")) == outcome(lambda: read_json(body, SOURCE))


def test_a_kept_text_is_read_again() -> None:
    page = skim(PAGE)
    assert isinstance(page.files, ListedFiles)
    assert unpack_json(page.files.packed, 1_000_000, SOURCE) == page


@pytest.mark.parametrize("packed", [b"", b"no gzip", gzip.compress(b"{}" * 100, mtime=0)[:-9]])
def test_a_kept_text_that_is_damaged_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_json(packed, 1_000_000, SOURCE)


def test_a_kept_text_is_not_unpacked_beyond_what_a_page_may_have() -> None:
    with pytest.raises(ValueError, match="too early"):
        unpack_json(gzip.compress(bytes(10_000_000)), 1_000_000, SOURCE)
