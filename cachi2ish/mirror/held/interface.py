"""Files of a mirror in a store that all its machines share, as the rest of the mirror sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from cachi2ish.cache.interface import BlobStore
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.errors import NetworkError


class SharedStoreError(NetworkError):
    """The store that all machines share does not answer, or refuses. What is known without it goes on."""


class SharedStoreAwayError(SharedStoreError):
    """It may answer by itself in a while: it is away, has too much to do, or is full."""


class SharedStoreFullError(SharedStoreAwayError):
    """It takes no file for a while, since it is full or for a reason of its own, and gives what it has."""


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


class Sharing(Protocol):
    """What one machine shares with the others of its mirror. Safe to use from many threads.

    No method raises `SharedStoreError`: what is not there is fetched, and what cannot be put there is put later.
    """

    @property
    def is_alone(self) -> bool:
        """Whether there is no other machine that could have a file."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether the shared store has failed and has not answered since, so that nobody waits for it."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether it took no file and has not taken one since; what it has is read."""
        ...

    @property
    def unsent(self) -> int:
        """How many files are still to be put there."""
        ...

    def bring(
        self, sha256: str, artifact: Artifact | None, store: BlobStore, sized: Callable[[int], None], /
    ) -> Blob | None:
        """Bring a file from there into ``store``; None where it is not there, or not right, or nobody answers.

        artifact: what an upstream would be asked for, None where there is none.
        """
        ...

    def fetched(
        self, key: str, fetch: Callable[[], tuple[Blob, Blob | None]], on_arrival: Callable[[Blob], None], /
    ) -> Blob:
        """Fetch a file, share it, and return it.

        fetch: returns it and its metadata, if it has any. on_arrival: is called once it is here, where sharing
        takes longer.
        """
        ...

    def has(self, sha256: str, size: int, /) -> bool:
        """Return whether it is certain that a file is there, and is the right one."""
        ...

    def is_unsent(self, sha256: str, /) -> bool:
        """Return whether a file is queued to be put there, without asking anybody."""
        ...

    def begin(self, key: str, /) -> None:
        """Queue a file that is to be put there once it has come, also if this process is killed meanwhile."""
        ...

    def put(self, blob: Blob, /) -> bool:
        """Put a file there; return whether it is there now. Otherwise it is put later."""
        ...

    def put_queued(self, blob: Blob, /) -> None:
        """Put a file there, unless that was done meanwhile: it is not queued any more."""
        ...

    def catch_up(self, find: Callable[[str], Blob | None], /) -> None:
        """Put what is still to be put there. find: returns a file by its key, None where it is not on the disk."""
        ...

    def stop(self) -> None:
        """Put nothing more: what is not there yet stays queued."""
        ...


class DiskLimit(Protocol):
    """Keeps the disk of one machine small. Safe to use from many threads."""

    def make_room(self, size: int, /) -> None:
        """Remove what has to go so that ``size`` bytes more are below the limit, as far as possible soon."""
        ...

    def tend(self) -> None:
        """Remove what is beyond the limit."""
        ...


def parts_of(file: BinaryIO, size: int, go_on: Callable[[], None] | None) -> Iterator[bytes]:
    """Yield a file in parts of ``size`` bytes; go_on: as in `SharedFiles.put`."""
    while part := file.read(size):
        if go_on is not None:
            go_on()
        yield part
