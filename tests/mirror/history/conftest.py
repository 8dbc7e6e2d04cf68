from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.mirror.history.store import SqlHistory
from tests.mirror.history.world import Watched


@pytest.fixture(scope="session")
def empty_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is new; making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "history.sqlite"
    SqlHistory(path).close()
    return path


@pytest.fixture
def path(tmp_path: Path, empty_history: Path) -> Path:
    return Path(shutil.copy(empty_history, tmp_path / "history.sqlite"))


@pytest.fixture
def history(path: Path) -> Iterator[SqlHistory]:
    with SqlHistory(path) as opened:
        yield opened


@pytest.fixture
def watched(history: SqlHistory) -> Watched:
    return Watched(history)
