"""One file on its way into the cache."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from msgspec import Struct

from cachi2ish.advice import Place
from cachi2ish.cache.hashing import SHAKE_BYTES, Buffers, Hashes
from cachi2ish.cache.layout import Layout
from cachi2ish.core.artifacts import Blob, file_number
from cachi2ish.core.digests import Digest
from cachi2ish.files.folder import Folder, ObstacleError
from cachi2ish.files.locks import locked, make_locked, try_lock
from cachi2ish.files.os_errors import cache_errors, storage_errors

_READ_ONLY = 0o444


class DiskBlobWriter:
    """Implements `cachi2ish.cache.interface.BlobWriter`. For one thread."""

    def __init__(self, layout: Layout, partial: Partial, algorithms: Iterable[str], buffers: Buffers) -> None:
        """Take up ``partial``: its bytes are hashed first, by way of ``buffers``. Raises `StorageError`."""
        self._layout = layout
        self._partial = partial
        self._algorithms = frozenset({"sha256", *algorithms})
        self._hashes = Hashes(self._algorithms)
        self._committed = False
        self._discarded = False
        self._offset = 0
        with self._failures():
            if os.fstat(partial.descriptor).st_size:  # most are new, and their threads need no buffer
                with os.fdopen(partial.descriptor, "rb", buffering=0, closefd=False) as file:
                    self._offset = self._hashes.update_from(file, buffers)

    @property
    def offset(self) -> int:
        """How many bytes there are."""
        return self._offset

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises `StorageError`."""
        if self._committed:
            msg = "a committed file cannot be written to"
            raise ValueError(msg)
        rest = memoryview(chunk)
        with self._failures():
            while rest:
                # At a position of its own: an earlier write may have failed half-way (no space).
                count = os.pwrite(self._partial.descriptor, rest, self._offset)
                self._hashes.update(rest[:count])
                self._offset += count
                rest = rest[count:]

    def restart(self) -> None:
        """Forget all bytes. Raises `StorageError`."""
        with self._failures():
            os.ftruncate(self._partial.descriptor, 0)
        self._hashes = Hashes(self._algorithms)
        self._offset = 0

    def digest(self, algorithm: str, size: int = SHAKE_BYTES) -> Digest:
        """Return the digest of all bytes so far. size: bytes, for SHAKE, whose length is free."""
        return self._hashes.digest(algorithm, size)

    def duplicate(self) -> int:
        """Return a descriptor of its own for reading what is written. Raises `StorageError`."""
        with self._failures():
            return os.dup(self._partial.descriptor)

    def commit(self) -> Blob:
        """Make the file visible, atomically, in the place of whatever was there. Raises `StorageError`."""
        sha256 = self.digest("sha256").value
        path = self._layout.blob(sha256)
        with self._failures():
            folder = self._layout.folder
            folder.make(self._layout.blobs)  # somebody may have removed all blobs while this one came
            with locked(self._layout.lock, folder):
                os.utime(self._partial.descriptor)  # used from now on; its last bytes may have come long ago
                folder.replace(self._partial.path, path)
            self._committed = True
            # After the rename: a partial file that is read-only could not be taken up again.
            os.fchmod(self._partial.descriptor, _READ_ONLY)
            for algorithm in self._hashes.algorithms:
                self._link(self.digest(algorithm), sha256)
            status = os.fstat(self._partial.descriptor)
        file_id = file_number(status.st_dev, status.st_ino)
        return Blob(sha256=sha256, size=self._offset, folder=self._layout.files, file_id=file_id)

    def discard(self) -> None:
        """Do not keep the bytes when this writer is left without `commit`."""
        self._discarded = True

    def close(self) -> None:
        """Let go of the file."""
        if self._committed:
            self._partial.release()
        else:
            self._partial.close(keep=not self._discarded)

    def _link(self, digest: Digest, sha256: str) -> None:
        link = self._layout.link(digest)
        if digest.algorithm == "sha256" or not digest.strong or link is None:
            return
        target = self._layout.target(sha256)
        self._layout.folder.make(link.parent)
        # A file system without symbolic links finds blobs by their sha256 only.
        with suppress(OSError):
            _point(self._layout.folder, link, target)

    def _failures(self) -> AbstractContextManager[None]:
        return storage_errors(cache_errors(self._layout.root), Place.CACHE)


def _point(folder: Folder, link: Path, target: str) -> None:
    with suppress(FileExistsError):
        folder.link(link, target)
        return
    if folder.target(link) != target:  # it lies, or is something else
        folder.unlink(link, missing_ok=True)
        folder.link(link, target)


#: Of the file of a second writer, which nobody can take up again.
PRIVATE_SUFFIX = ".tmp"

#: The names that are made here. What is called otherwise is somebody's own.
PARTIAL = re.compile("[0-9a-f]{64}")
PRIVATE_PARTIAL = re.compile(rf"{PARTIAL.pattern}\.[0-9a-f]{{16}}{re.escape(PRIVATE_SUFFIX)}")


class Partial(Struct, frozen=True):
    """An open file that belongs to one writer. private: nobody can take it up again."""

    folder: Folder
    path: Path
    descriptor: int
    private: bool

    def close(self, *, keep: bool) -> None:
        """Let go of it; ``keep`` its bytes for a later attempt, unless it is private or empty."""
        try:
            if self.private or not keep or not os.fstat(self.descriptor).st_size:
                # Still locked: it cannot be another writer's by now.
                with suppress(OSError):
                    self.folder.unlink(self.path, missing_ok=True)
        finally:
            os.close(self.descriptor)

    def release(self) -> None:
        """Let go of it after it was renamed."""
        os.close(self.descriptor)


def open_partial(folder: Folder, path: Path) -> Partial:
    """Open ``path`` to go on with it, or a private file beside it where somebody else is at it.

    Raises `OSError`.
    """
    descriptor = _open_locked(folder, path)
    if descriptor is not None:
        return Partial(folder, path, descriptor, private=False)
    private, descriptor = make_locked(folder, lambda name: path.with_name(f"{path.name}.{name}{PRIVATE_SUFFIX}"))
    return Partial(folder, private, descriptor, private=True)


def remove_partial(folder: Folder, path: Path) -> bool:
    """Remove what is kept at ``path``; return False where somebody is writing it. Raises `OSError`."""
    try:
        descriptor = folder.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except ObstacleError:  # a link or a pipe, which is nobody's work
        folder.unlink(path, missing_ok=True)
        return True
    try:
        if not try_lock(descriptor):
            return False
        if folder.is_at(descriptor, path):
            folder.unlink(path)
        return True
    finally:
        os.close(descriptor)


def sweep(folder: Folder, directory: Path) -> None:
    """Remove the private files of processes that are gone."""
    for name in filter(PRIVATE_PARTIAL.fullmatch, folder.names(directory)):
        with suppress(OSError):
            remove_partial(folder, directory / name)


def _open_locked(folder: Folder, path: Path) -> int | None:
    while True:
        try:
            descriptor = folder.open(path, os.O_RDWR | os.O_CREAT)
        except (PermissionError, ObstacleError):  # another user's, in a cache that several share
            return None
        if not _is_own(descriptor) or not try_lock(descriptor):
            os.close(descriptor)
            return None
        if folder.is_at(descriptor, path):
            return descriptor
        # Between opening and locking, its writer committed it: what is open here is a blob now.
        os.close(descriptor)


def _is_own(descriptor: int) -> bool:
    """Return whether nobody else can write to the file, and it is no file of ours that is kept elsewhere."""
    status = os.fstat(descriptor)
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid == os.geteuid() and status.st_nlink == 1 and not others
