from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.store import SqlHistory
from tests.mirror.history.world import Watched
from tests.support.histories import history_at


@pytest.fixture
def place(tmp_path: Path) -> HistoryPlace:
    """A history in which nothing is known."""
    return history_at(tmp_path / "history.sqlite")


@pytest.fixture
def history(place: HistoryPlace) -> Iterator[SqlHistory]:
    with SqlHistory(place) as opened:
        yield opened


@pytest.fixture
def watched(history: SqlHistory) -> Watched:
    return Watched(history)
