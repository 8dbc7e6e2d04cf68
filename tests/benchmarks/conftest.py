"""A small index with three projects, and what the benchmark makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.index_server import IndexServer


@dataclass(frozen=True)
class Closure:
    """Real distributions on a real index, and the requirements file that pins them."""

    index: IndexServer
    sdists: tuple[Dist, ...]
    wheels: tuple[Dist, ...]
    requirements: str


@pytest.fixture
def closure() -> Iterator[Closure]:
    names = ("apple", "pear", "plum")
    sdists = tuple(make_sdist(name, "1.0", padding=20_000) for name in names)
    wheels = tuple(make_wheel(name, "1.0") for name in names)
    lines = []
    with IndexServer() as index:
        for name, sdist, wheel in zip(names, sdists, wheels, strict=True):
            index.add(name, sdist)
            index.add(name, wheel)
            index.add(name, make_sdist(name, "0.9"))
            lines.append(f"{name}==1.0 \\\n    {sdist.hash_option()} \\\n    {wheel.hash_option()}\n")
        yield Closure(index, sdists, wheels, "# made by a test\n" + "".join(lines))


@pytest.fixture(autouse=True)
def no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("PIP_CERT", "PIP_INDEX_URL", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
