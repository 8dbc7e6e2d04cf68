"""What is looked at without a client that asks: projects that are due, politely, by one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from cachi2ish.mirror import following
from cachi2ish.mirror.application import Rules
from cachi2ish.mirror.history.engines.database import Database
from tests.support.distributions import make_wheel
from tests.support.histories import history_at
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import MirrorServer


def soon(true: Callable[[], bool]) -> bool:
    """Whether something is so within some seconds."""
    end = time.monotonic() + 20
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_what_is_due_is_looked_at_from_the_start_on(upstream: IndexServer, tmp_path: Path) -> None:
    with MirrorServer(tmp_path / "m", interval=0, pypi=upstream.index_url) as mirror:
        mirror.get("/live/simple/demo/")
    upstream.add("demo", make_wheel("demo", "3.0"), upload_time=datetime.now(UTC))
    asked = len(upstream.requests)
    with MirrorServer(tmp_path / "m", interval=0, pypi=upstream.index_url):
        assert soon(lambda: len(upstream.requests) > asked)
    upstream.script("/simple/demo/", [Fault.status(503)] * 9)
    with MirrorServer(tmp_path / "m", pypi=upstream.index_url) as mirror:
        assert "demo-3.0-py3-none-any.whl" in mirror.get("/live/simple/demo/").body.decode()


def test_a_registry_that_does_not_answer_is_left_alone_until_the_next_round(
    upstream: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_ROUND", 1)
    with MirrorServer(tmp_path / "m", interval=0, pypi=upstream.index_url) as mirror:
        mirror.get("/live/simple/demo/")
    upstream.forget_requests()
    upstream.script("/simple/demo/", [Fault.status(503)] * 1000)
    with MirrorServer(tmp_path / "m", interval=0, pypi=upstream.index_url) as mirror:
        assert soon(lambda: bool(upstream.requests))
        for _ in range(20):
            assert mirror.get("/healthz").status == 200
        assert len(upstream.requests) <= 2


def test_a_server_that_is_not_to_follow_leaves_what_is_due_to_a_timer(
    upstream: IndexServer, tmp_path: Path
) -> None:
    with MirrorServer(tmp_path / "m", interval=0, pypi=upstream.index_url) as mirror:
        mirror.get("/live/simple/demo/")
    upstream.forget_requests()
    rules = Rules(follow=False)
    with MirrorServer(tmp_path / "m", rules=rules, interval=0, pypi=upstream.index_url) as mirror:
        # Somebody else may, beside it.
        with MirrorServer(tmp_path / "m", interval=0, pypi=upstream.index_url):
            assert soon(lambda: bool(upstream.requests))
        assert mirror.json("/state.json")["following"] is False
        assert b"cachi2ish_mirror_looks_total{" not in mirror.get("/metrics").body


def test_a_server_is_not_ready_once_a_later_release_has_changed_its_history(
    upstream: IndexServer, tmp_path: Path
) -> None:
    with MirrorServer(tmp_path / "m", pypi=upstream.index_url) as mirror:
        assert mirror.get("/readyz").status == 200
        with closing(Database(history_at(mirror.history))) as later, later.writing() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert soon(lambda: mirror.get("/readyz").status == 503)
        got = mirror.get("/live/simple/demo/")
        assert (got.status, mirror.get("/healthz").status) == (503, 200)
        assert "later version" in got.reason
    assert [one.path for one in upstream.requests] == []
