"""One file on its way into the cache."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.cache.hashing import SHAKE_BYTES, Hashes
from cachi2ish.cache.layout import Layout
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.files.locks import is_at, locked, try_lock, wait_for_lock
from cachi2ish.files.os_errors import cache_errors, storage_errors

_READ_ONLY = 0o444


class DiskBlobWriter:
    """Implements `cachi2ish.cache.interface.BlobWriter`. For one thread."""

    def __init__(self, layout: Layout, partial: Partial, algorithms: Iterable[str]) -> None:
        """Take up ``partial``: its bytes are hashed first. Raises `StorageError`."""
        self._layout = layout
        self._partial = partial
        self._algorithms = frozenset({"sha256", *algorithms})
        self._hashes = Hashes(self._algorithms)
        self._committed = False
        self._discarded = False
        with self._failures(), os.fdopen(partial.descriptor, "rb", buffering=0, closefd=False) as file:
            self._offset = self._hashes.update_from(file)

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

    def commit(self) -> Blob:
        """Make the file visible, atomically, in the place of whatever was there. Raises `StorageError`."""
        sha256 = self.digest("sha256").value
        path = self._layout.blob(sha256)
        with self._failures():
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._layout.lock):
                os.utime(self._partial.descriptor)  # used from now on; its last bytes may have come long ago
                self._partial.path.replace(path)
            self._committed = True
            # After the rename: a partial file that is read-only could not be taken up again.
            os.fchmod(self._partial.descriptor, _READ_ONLY)
            for algorithm in self._hashes.algorithms:
                self._link(self.digest(algorithm), sha256)
        return Blob(sha256=sha256, size=self._offset, path=path)

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
        link.parent.mkdir(parents=True, exist_ok=True)
        # A file system without symbolic links finds blobs by their sha256 only.
        with suppress(OSError):
            _point(link, target)

    def _failures(self) -> AbstractContextManager[None]:
        return storage_errors(cache_errors(self._layout.root), Place.CACHE)


def _point(link: Path, target: str) -> None:
    with suppress(FileExistsError):
        link.symlink_to(target)
        return
    if not link.is_symlink() or str(link.readlink()) != target:  # it lies, or is something else
        link.unlink(missing_ok=True)
        link.symlink_to(target)


#: Of the file of a second writer, which nobody can take up again.
#: Of the file of a second writer, which nobody can take up again.
PRIVATE_SUFFIX = ".tmp"


@dataclass(frozen=True, slots=True)
class Partial:
    """An open file that belongs to one writer. private: nobody can take it up again."""

    path: Path
    descriptor: int
    private: bool

    def close(self, *, keep: bool) -> None:
        """Let go of it; ``keep`` its bytes for a later attempt, unless it is private or empty."""
        try:
            if self.private or not keep or not os.fstat(self.descriptor).st_size:
                # Still locked: it cannot be another writer's by now.
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
        finally:
            os.close(self.descriptor)

    def release(self) -> None:
        """Let go of it after it was renamed."""
        os.close(self.descriptor)


def open_partial(path: Path) -> Partial:
    """Open ``path`` to go on with it, or a private file beside it where somebody else is at it.

    Raises `OSError`.
    """
    descriptor = _open_locked(path)
    if descriptor is not None:
        return Partial(path, descriptor, private=False)
    while True:
        private = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PRIVATE_SUFFIX}")
        descriptor = os.open(private, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        wait_for_lock(descriptor)
        if is_at(descriptor, private):  # `sweep` has not come between
            return Partial(private, descriptor, private=True)
        os.close(descriptor)


def remove_partial(path: Path) -> bool:
    """Remove what is kept at ``path``; return False where somebody is writing it. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        if not try_lock(descriptor):
            return False
        if is_at(descriptor, path):
            path.unlink()
        return True
    finally:
        os.close(descriptor)


def sweep(directory: Path) -> None:
    """Remove the private files of processes that are gone."""
    for path in directory.glob(f"*{PRIVATE_SUFFIX}"):
        with suppress(OSError):
            remove_partial(path)


def _open_locked(path: Path) -> int | None:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:  # another user's, in a cache that several share
            return None
        if not try_lock(descriptor):
            os.close(descriptor)
            return None
        if is_at(descriptor, path):
            return descriptor
        # Between opening and locking, its writer committed it: what is open here is a blob now.
        os.close(descriptor)
