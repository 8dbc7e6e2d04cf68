"""Two pinned files for servers to have trouble with: a small one, and one that comes in several pieces."""

from __future__ import annotations

from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer

APPLE = make_sdist("apple", "1.0")
BIG = make_sdist("big", "1.0", padding=900_000)
BIG_PATH = f"/files/{BIG.filename}"

PINS = f"apple==1.0 {APPLE.hash_option()}\nbig==1.0 {BIG.hash_option()}\n"


def asked_for(index: IndexServer, path: str) -> list[str | None]:
    """The range of each request for a file."""
    return [request.headers.get("range") for request in index.requests if request.path == path]


def errors(told: str) -> list[str]:
    """The lines that begin the message of an error."""
    return [line for line in told.splitlines() if line.startswith("error: ")]
