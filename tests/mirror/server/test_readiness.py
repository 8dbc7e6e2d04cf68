"""Whether clients should be sent to a mirror, while its database lets everybody wait."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.requests import Request

from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.server.health import Readiness
from tests.support.histories import history_at


def test_a_history_that_hangs_is_looked_at_by_one_thread_and_again_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachi2ish.mirror.server.health._PATIENCE", 0.05)
    may_answer, looks, now = threading.Event(), [], [0.0]

    def registries(_self: SqlHistory) -> list[str]:
        looks.append(now[0])
        assert may_answer.wait(30)
        return []

    monkeypatch.setattr(SqlHistory, "registries", registries)

    async def statuses() -> list[int]:
        with ThreadPoolExecutor(4) as executor:
            readiness = Readiness(history, executor, lambda: now[0])

            async def status() -> int:
                now[0] += 2.0
                return (await readiness.answer(Request({"type": "http"}))).status_code

            hanging = [await status() for _ in range(3)]
            may_answer.set()
            monkeypatch.setattr("cachi2ish.mirror.server.health._PATIENCE", 30.0)
            return [*hanging, await status()]

    with SqlHistory(history_at(tmp_path / "history.sqlite")) as history:
        assert asyncio.run(statuses()) == [503, 503, 503, 200]
    assert len(looks) in {1, 2}  # the first one may have ended before it is waited for again
