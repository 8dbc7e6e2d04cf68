"""Places for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.cache.memory.catalogue import SqliteCatalogue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "catalogue.sqlite3"


@pytest.fixture
def catalogue(path: Path) -> Iterator[SqliteCatalogue]:
    with SqliteCatalogue(path) as opened:
        yield opened
