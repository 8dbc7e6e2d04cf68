"""A store into which a download is written while its clients read from there."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Self

from cachi2ish.cache.interface import BlobWriter, SharedBlobStore
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.errors import NetworkError, StorageError
from cachi2ish.mirror.held.relay import Download


@dataclass(frozen=True, slots=True)
class _TappedWriter:
    """Implements `BlobWriter`: whatever is written can be read by the clients of a download."""

    writer: BlobWriter
    download: Download

    @property
    def offset(self) -> int:
        return self.writer.offset

    def write(self, chunk: bytes) -> None:
        self.writer.write(chunk)
        self.download.grown(self.writer.offset)

    def restart(self) -> None:
        self.writer.restart()
        self.download.grown(0)

    def digest(self, algorithm: str, size: int = 32) -> Digest:
        return self.writer.digest(algorithm, size)

    def duplicate(self) -> int:
        return self.writer.duplicate()

    def commit(self) -> Blob:
        return self.writer.commit()


class _Opened(NamedTuple):
    """A writer, and what closes it."""

    writer: BlobWriter
    stack: ExitStack


class TappedStore:
    """Implements `BlobStore` for one download: a store whose writer can be read from. A context manager.

    Where a server breaks off, the writer stays open until the end: who reads from it goes on, whoever brings the
    rest. on_write: is told the key under which is written.
    """

    def __init__(self, blobs: SharedBlobStore, download: Download, on_write: Callable[[str], None]) -> None:
        self._blobs = blobs
        self._download = download
        self._on_write = on_write
        self._open: dict[str, _Opened] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for left in self._open.values():
            left.stack.close()

    def find(self, digests: Collection[Digest]) -> Blob | None:
        """Return what the store has."""
        return self._blobs.find(digests)

    @contextmanager
    def writer(self, key: str, algorithms: Iterable[str]) -> Iterator[BlobWriter]:
        """Open a file to write, from which the clients of the download read."""
        opened = self._open.pop(key) if key in self._open else self._opened(key, algorithms)
        with ExitStack() as ending:
            ending.push(opened.stack)
            try:
                self._expect_room(opened.writer.offset)
                yield _TappedWriter(opened.writer, self._download)
            except StorageError:  # a full disk: what has arrived must not keep it full
                self._blobs.discard(key)
                raise
            except NetworkError:
                self._open[key] = opened
                ending.pop_all()
                raise

    def _opened(self, key: str, algorithms: Iterable[str]) -> _Opened:
        with ExitStack() as stack:
            writer = stack.enter_context(self._blobs.writer(key, algorithms))
            self._download.tap(writer.duplicate(), writer.offset)
            self._on_write(key)
            return _Opened(writer, stack.pop_all())

    def discard(self, key: str) -> None:
        """Forget what an earlier attempt left."""
        self._blobs.discard(key)

    def _expect_room(self, held: int) -> None:
        """Raise `StorageError` where the rest of the file does not fit, before a client is sent its first byte."""
        room = self._blobs.room()
        if self._download.size is not None and self._download.size - held > room:
            raise StorageError(
                f"the file has {self._download.size} bytes, and the disk of the mirror has room for {room} more",
                hint="make room there: mirror prune removes files that registries give again",
                cause=(errno.ENOSPC,),
            )
