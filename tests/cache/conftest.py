"""Places for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.catalogue import SqliteCatalogue
from cachi2ish.output.directories import OutputDirectories
from cachi2ish.output.interface import Outputs


@pytest.fixture
def store(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "cache")


@pytest.fixture
def outputs() -> Outputs:
    return OutputDirectories()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory with nothing in it but what the test makes."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "catalogue.sqlite3"


@pytest.fixture
def catalogue(path: Path) -> Iterator[SqliteCatalogue]:
    with SqliteCatalogue(path) as opened:
        yield opened
