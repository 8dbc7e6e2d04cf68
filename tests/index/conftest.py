from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.urls import Address
from cachi2ish.index.http_index import SimpleIndex
from tests.index.plain_http import PlainHttp

#: When runs start in these tests, where it does not matter.
RUN_STARTED = datetime(2026, 1, 1, tzinfo=UTC)

#: An index at an address, as one run has it.
Open = Callable[[str], SimpleIndex]


@pytest.fixture
def http() -> Iterator[PlainHttp]:
    with PlainHttp() as client:
        yield client


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[SqliteCatalogue]:
    with SqliteCatalogue(tmp_path / "catalogue.sqlite") as opened:
        yield opened


@pytest.fixture
def opened(http: PlainHttp, catalogue: SqliteCatalogue) -> Open:
    return lambda url: SimpleIndex(Address(url), lambda: http, catalogue, RUN_STARTED)
