"""Files of a mirror in a store that all its machines share, as the rest of the mirror sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from cachi2ish.errors import NetworkError


class SharedStoreError(NetworkError):
    """The store that all machines share does not answer, or refuses. What is known without it goes on."""


class SharedStoreAwayError(SharedStoreError):
    """It may answer by itself in a while: it is away, has too much to do, or is full."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the shared store. size: bytes. changed_at: when it was put there, aware."""

    sha256: str
    size: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class SharingState:
    """How a machine stands to the shared store.

    problem: why it cannot be used, None where it can. unsent: how many files are still to be put there.
    """

    place: str
    problem: str | None
    unsent: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A file of the shared store that is being read. size: of the whole. portions: the bytes from the start on."""

    size: int
    portions: Iterator[bytes]


class SharedFiles(Protocol):
    """Files by their sha256, in a place that all machines of a mirror share. Safe to use from many threads.

    name: of the place, in messages. All methods raise `SharedStoreError` where it does not answer.
    """

    @property
    def name(self) -> str:
        """What messages call it: without any secret."""
        ...

    def check(self) -> None:
        """Raise `SharedStoreError` unless files can be read, listed, written and removed."""
        ...

    def size_of(self, sha256: str) -> int | None:
        """Return the bytes of a file without reading it, None where it is not there."""
        ...

    def read(self, sha256: str, start: int = 0) -> Reading | None:
        """Begin to read a file at ``start``, None where it is not there. Who reads checks its digest."""
        ...

    def put(
        self, sha256: str, path: Path, size: int, *, replace: bool = False, go_on: Callable[[], None] | None = None
    ) -> bool:
        """Put a file there, unless one of that size is there already; return whether it was not.

        replace: in the place of whatever is there, since that is damaged. go_on: is called before each part; what
        it raises ends it, and nothing is there then.
        """
        ...

    def remove(self, sha256: str) -> None:
        """Remove a file, which need not be there."""
        ...

    def all(self) -> Iterator[StoredFile]:
        """Yield all files, by their sha256."""
        ...


def parts_of(file: BinaryIO, size: int, go_on: Callable[[], None] | None) -> Iterator[bytes]:
    """Yield a file in parts of ``size`` bytes; go_on: as in `SharedFiles.put`."""
    while part := file.read(size):
        if go_on is not None:
            go_on()
        yield part
