"""A session that waits for nobody and writes down how long it would have waited."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.digests import Digest
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin
from cachi2ish.http.interface import HttpSettings
from cachi2ish.http.session import HttpSession
from tests.support.distributions import Dist
from tests.support.index_server import IndexServer

ORIGIN = Origin("requirements.txt", 7)

SETTINGS = HttpSettings(user_agent="cachi2ish/test", connect_timeout=5, read_timeout=5, retries=3)


@dataclass
class Client:
    """A session with what it did. random is 1, so that waits are the longest that jitter allows."""

    session: HttpSession
    waits: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def client(*, credentials: Sequence[str] = (), proxy: str | None = None, **changes: object) -> Client:
    waits: list[float] = []
    told: list[str] = []
    settings = replace(
        SETTINGS,
        credentials=tuple(map(Address, credentials)),
        proxy=None if proxy is None else Address(proxy),
        **changes,
    )
    session = HttpSession(
        settings, sleep=waits.append, clock=lambda: sum(waits), random=lambda: 1.0, on_retry=told.append
    )
    return Client(session, waits, told)


def content(size: int) -> bytes:
    """Bytes that differ from place to place, so that a wrong splice shows."""
    return random.Random(0).randbytes(size)


def digest(data: bytes, algorithm: str = "sha256") -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, data).hexdigest())


def serve(index: IndexServer, data: bytes, filename: str = "demo-1.0.tar.gz") -> Artifact:
    """Serve a file, and return how an index would promise it."""
    url = index.serve_file(Dist(filename, data))
    return Artifact(
        filename=filename, url=Address(url), digests=frozenset({digest(data)}), size=len(data), origin=ORIGIN
    )


@dataclass
class Progress:
    """An `Advance` that adds up."""

    total: int = 0
    calls: list[int] = field(default_factory=list)

    def __call__(self, count: int) -> None:
        self.total += count
        self.calls.append(count)
