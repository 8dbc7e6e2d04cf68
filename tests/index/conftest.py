from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.index.plain_http import MemoryCatalogue, PlainHttp


@pytest.fixture
def http() -> Iterator[PlainHttp]:
    with PlainHttp() as client:
        yield client


@pytest.fixture
def catalogue() -> MemoryCatalogue:
    return MemoryCatalogue()
