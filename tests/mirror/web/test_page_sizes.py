"""Pages stay small, whatever an upstream has and writes, are not sent twice, and read what they show.

How fast they are, ``python -m benchmarks.page_speed`` tells; here is counted what they read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from cachi2ish.mirror.web import answers
from tests.mirror.server.conftest import OLD
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.mirror_server import Got, MirrorServer


def test_versions_come_in_pages(upstream: IndexServer, mirror: MirrorServer) -> None:
    for number in range(130):
        upstream.add("many", make_sdist("many", f"1.{number}"), upload_time="2023-05-01T10:00:00+00:00")
    first = json.loads(mirror.get("/projects/many.json").body)
    assert (len(first["versions"]), first["pages"], first["versions"][0]["version"]) == (60, 3, "1.129")
    last = mirror.get("/projects/many?page=3")
    assert b"Page 3 of 3" in last.body
    assert b'href="many?page=2#versions"' in last.body
    assert json.loads(mirror.get("/projects/many.json?page=4").body)["versions"] == []


def test_a_page_that_is_ready_in_time_and_has_not_changed_is_not_sent_again(
    mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 60.0)
    first = mirror.get("/projects/demo?date=2023-06-01")
    again = mirror.get("/projects/demo?date=2023-06-01", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    packed: Got = mirror.get("/projects/demo?date=2023-06-01", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"


def test_what_an_upstream_writes_at_any_length_is_cut_on_pages_and_whole_in_their_twins(
    upstream: IndexServer, mirror: MirrorServer
) -> None:
    mirror.get("/live/simple/demo/")
    reason = "of no use " * 20_000
    for one in [OLD, make_sdist("demo", "1.0")]:
        upstream.add("demo", one, upload_time="2023-05-01T10:00:00+00:00", yanked=reason)
    mirror.get("/live/simple/demo/")
    for path in ("/projects/demo", "/projects/demo/1.0", "/diff?project=demo&before=2023-06-01"):
        page, twin = mirror.get(path).body, mirror.get(re.sub(r"\?|$", ".json?", path, count=1)).body
        assert (len(page) < 50_000, reason.encode() in page) == (True, False)
        assert path.startswith("/diff") or reason in json.loads(twin)[_rows(path)][-1]["reason"]
    assert len(mirror.get("/locks/diff?pins=demo==1.0&before=2023-06-01").body) < 50_000


@contextmanager
def statements() -> Iterator[list[tuple[str, int]]]:
    """What the history is asked for within the block: statements, and how many values each was given."""
    asked: list[tuple[str, int]] = []

    def note(*arguments: object) -> None:
        _, _, statement, values, *_ = arguments
        assert isinstance(statement, str)
        assert isinstance(values, tuple | dict | list)
        asked.append((statement, len(values)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def of_files(asked: list[tuple[str, int]]) -> list[int]:
    """How many values each statement was given that reads files."""
    return [count for statement, count in asked if re.search(r"FROM file\b|JOIN file\b", statement)]


def test_the_files_of_a_project_are_read_once_and_then_those_alone_that_a_page_shows(
    upstream: IndexServer, mirror: MirrorServer
) -> None:
    for number in range(70):
        for kind in range(3):
            wheel = make_wheel("many", f"1.{number}", tag=f"cp3{kind}-none-any")
            upstream.add("many", wheel, upload_time=f"2023-05-{1 + number // 10:02}T10:00:00+00:00")
    mirror.get("/live/simple/many/")
    with statements() as asked:
        assert mirror.get("/projects/many?date=2023-05-03").status == 200
    assert of_files(asked) == [1, 1]
    others = ("projects/many?page=2", "projects/many.json?date=2023-05-06", "diff?project=many&before=2023-05-02")
    with statements() as asked:
        for path in others:
            assert mirror.get(f"/{path}").status == 200
    assert (of_files(asked), len(asked) <= 10 * len(others)) == ([], True)
    with statements() as asked:
        assert len(json.loads(mirror.get("/projects/many/1.7.json").body)["files"]) == 3
    [count] = of_files(asked)
    assert count in {3, 6}  # each of them once or twice
    upstream.add("many", make_sdist("many", "2.0"), upload_time="2023-06-01T10:00:00+00:00")
    mirror.get("/live/simple/many/")
    assert json.loads(mirror.get("/projects/many.json").body)["newest"] == "2.0"


def test_a_long_lock_takes_no_more_statements_than_a_short_one(
    upstream: IndexServer, mirror: MirrorServer
) -> None:
    names = [f"lib-{number}" for number in range(30)]
    for name in names:
        upstream.add(name, make_sdist(name.replace("-", "_"), "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        mirror.get(f"/live/simple/{name}/")
    for page in ("diff", "since"):
        counts = []
        for some in (names[:2], names):
            pins = ",".join(f"{name}==1.0" for name in some)
            tries = []
            for _ in range(3):  # the mirror may ask something else beside
                with statements() as asked:
                    got = json.loads(mirror.get(f"/locks/{page}.json?pins={pins}").body)
                assert len(got["pins"]) == len(some)
                tries.append(len(asked))
            counts.append(min(tries))
        assert counts[1] <= counts[0]


def _rows(path: str) -> str:
    return "files" if path.endswith("1.0") else "versions"
