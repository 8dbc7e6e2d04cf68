"""The files on the disk of one machine, seen like those in the shared store: to copy and to verify them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.cache.interface import SharedBlobStore
from cachi2ish.core.artifacts import blob_path
from cachi2ish.core.cache_contents import Entry, EntryKind
from cachi2ish.errors import DigestMismatchError
from cachi2ish.files.os_errors import storage_errors
from cachi2ish.mirror.held.freeing import sha256_of
from cachi2ish.mirror.held.interface import Reading, StoredFile, parts_of

#: Bytes that are read at once.
_PORTION = 1024 * 1024


class DiskFiles:
    """Implements `cachi2ish.mirror.held.interface.SharedFiles` for the files of a mirror in ``directory``.

    blobs: what brings files into it. entries: returns all of them. Errors are `StorageError`.
    """

    def __init__(
        self, directory: Path, blobs: Callable[[], SharedBlobStore], entries: Callable[[], Iterable[Entry]]
    ) -> None:
        self.name = str(directory)
        self._directory = directory
        self._blobs = cache(blobs)
        self._entries = entries

    def check(self) -> None:
        """Raise `StorageError` unless files can be written."""
        self._blobs()

    def size_of(self, sha256: str) -> int | None:
        """Return the bytes of a file without reading it, None where it is not there."""
        with self._errors(sha256):
            try:
                return self.path_of(sha256).stat().st_size
            except FileNotFoundError:
                return None

    def read(self, sha256: str, start: int = 0) -> Reading | None:
        """Begin to read a file at ``start``, None where it is not there."""
        size = self.size_of(sha256)
        return None if size is None else Reading(size, self._portions(sha256, start))

    def put(
        self, sha256: str, path: Path, size: int, *, replace: bool = False, go_on: Callable[[], None] | None = None
    ) -> bool:
        """Put a file there, unless one of that size is there already; return whether it was not."""
        if not replace and self.size_of(sha256) == size:
            return False
        with self._blobs().writer(f"copy {sha256}", ()) as writer:
            if writer.offset:
                writer.restart()
            with self._errors(sha256), path.open("rb") as file:
                for portion in parts_of(file, _PORTION, go_on):
                    writer.write(portion)
            if writer.digest("sha256").value != sha256:
                writer.restart()
                raise DigestMismatchError(f"{path} has changed while it was read")
            writer.commit()
        return True

    def remove(self, sha256: str) -> None:
        """Remove a file, which need not be there."""
        with self._errors(sha256, "removed"):
            self.path_of(sha256).unlink(missing_ok=True)

    def all(self) -> Iterator[StoredFile]:
        """Yield all files, by their sha256."""
        for entry in sorted(self._entries(), key=lambda one: one.path):
            if entry.kind is EntryKind.FILE:
                yield StoredFile(sha256_of(entry), entry.size, entry.used)

    def path_of(self, sha256: str) -> Path:
        """Return where a file is, or would be."""
        return blob_path(self._directory / "blobs" / "sha256", sha256)

    def _portions(self, sha256: str, start: int) -> Iterator[bytes]:
        with self._errors(sha256):
            descriptor = os.open(self.path_of(sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                file.seek(start)
                while portion := file.read(_PORTION):
                    yield portion

    def _errors(self, sha256: str, what: str = "read") -> AbstractContextManager[None]:
        return storage_errors(f"{sha256} in {self.name} cannot be {what}", Place.MIRROR, about=sha256)
