from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest

from cachi2ish.simple_api.html_pages import write_html_list
from cachi2ish.simple_api.json_pages import write_json_list
from cachi2ish.simple_api.negotiation import JSON
from cachi2ish.simple_api.project_lists import NoProjectListError, read_names

NAMES = ["apple", "fig-tree", "pear"]
BOTH = [
    (JSON, json.dumps({"meta": {"api-version": "1.0"}, "projects": [{"name": name} for name in NAMES]}).encode()),
    (
        JSON,
        json.dumps(
            {"projects": [{"_last-serial": 3, "name": name} for name in NAMES], "x": []}, indent=2
        ).encode(),
    ),
    (JSON, write_json_list(dict.fromkeys(NAMES, 7), 9)),
    ("text/html; charset=utf-8", write_html_list(NAMES)),
    ("text/html", b"<a href='/apple/'>Apple</a><br><a href='x'> fig_tree </a>text<a href='pear/'>pear</a>"),
]


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize(("kind", "body"), BOTH)
def test_a_list_is_read_in_pieces_of_any_size(kind: str, body: bytes, size: int) -> None:
    assert list(read_names(pieces(body, size), kind)) == NAMES


def test_what_is_no_name_is_passed_over() -> None:
    body = json.dumps({"projects": [{"name": "-"}, {"name": 3}, {}, "apple", {"name": "Pear"}]}).encode()
    assert list(read_names([body], JSON)) == ["pear"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b""),
        (JSON, b"{}"),
        (JSON, b'{"projects": 3}'),
        (JSON, b'{"projects": [{"name": "apple"}, '),
        (JSON, b'{"projects": [{"name": "apple"} nonsense ' + b"x" * 50_000),
        (JSON, b"x" * 50_000),
        ("text/html", b"plain text"),
        ("application/pdf", b"%PDF"),
        ("", b""),
    ],
)
def test_what_is_no_list_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(NoProjectListError):
        list(read_names(pieces(body, 4096), kind))


def endless(count: int) -> Iterator[bytes]:
    yield b'{"meta": {"api-version": "1.0"}, "projects": ['
    for start in range(0, count, 1000):
        entries = (b'{"name": "project-%d"}' % number for number in range(start, start + 1000))
        yield (b"" if start == 0 else b",") + b",".join(entries)
    yield b"]}"


def test_memory_does_not_grow_with_the_list() -> None:
    peaks = []
    for count in (2_000, 40_000):
        tracemalloc.start()
        assert sum(1 for _ in read_names(endless(count), JSON)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 100_000


def test_an_entry_without_an_end_to_its_brackets_is_refused() -> None:
    with pytest.raises(NoProjectListError, match="nested too deeply"):
        list(read_names([b'{"projects": [' + b"[" * 1_000_000], JSON))
