from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from tests.http.support import Client, client
from tests.support.index_server import IndexServer


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture
def other() -> Iterator[IndexServer]:
    """A second server, on another port: another origin."""
    with IndexServer() as server:
        yield server


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Make sessions that are closed after the test."""
    with ExitStack() as stack:

        def make(**changes: Any) -> Client:
            made = client(**changes)
            stack.callback(made.session.close)
            return made

        yield make


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "cache")
