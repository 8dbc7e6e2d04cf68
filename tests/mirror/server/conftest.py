from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.mirror_server import MirrorServer

OLD, YOUNG = make_wheel("demo", "1.0"), make_wheel("demo", "2.0")
SDIST = make_sdist("demo", "1.0")


@pytest.fixture
def upstream() -> Iterator[IndexServer]:
    """An index with two versions of demo: of May 2023, and of 2024."""
    with IndexServer() as index:
        index.add("demo", OLD, upload_time="2023-05-01T10:00:00+00:00", requires_python=">=3.8")
        index.add("demo", SDIST, upload_time="2023-05-01T10:00:01+00:00")
        index.add("demo", YOUNG, upload_time="2024-06-01T10:00:00+00:00")
        yield index


@pytest.fixture
def mirror(upstream: IndexServer, tmp_path: Path) -> Iterator[MirrorServer]:
    with MirrorServer(tmp_path / "mirror", pypi=upstream.index_url) as server:
        yield server
