"""A server for the mirror: pages and files on a port each, as PyPI has a host for each."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.certificates import Certificates


@dataclass(frozen=True)
class Addresses:
    """Where the mirror is to be found."""

    page_port: int
    file_port: int
    host: str = "127.0.0.1"

    @property
    def index_url(self) -> str:
        """JSON pages for who asks for JSON, else HTML."""
        return f"https://{self.host}:{self.page_port}/simple/"

    @property
    def html_index_url(self) -> str:
        """HTML pages for everybody, as many private indexes have it."""
        return f"https://{self.host}:{self.page_port}/html/"

    @property
    def files_url(self) -> str:
        return f"https://{self.host}:{self.file_port}/"


@dataclass(frozen=True)
class Plan:
    """All that a server needs.

    state: a folder for its log and its own files. within: the words in front of a command that starts it in a
    namespace.
    """

    site: Path
    state: Path
    addresses: Addresses
    certificates: Certificates
    within: tuple[str, ...] = ()

    @property
    def log(self) -> Path:
        return self.state / "access.log"


class Server(Protocol):
    """Serves until its context ends, and writes each request into ``plan.log``."""

    @property
    def title(self) -> str: ...

    def serve(self, plan: Plan) -> AbstractContextManager[None]: ...


def free_addresses(host: str = "127.0.0.1") -> Addresses:
    """Two ports that nobody listens on at the moment, on loopback; on another host, nobody is expected to."""
    with _listener() as first, _listener() as second:
        return Addresses(first.getsockname()[1], second.getsockname()[1], host)


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener
