"""The cache of files: addressed by what they contain, so that nobody has to be believed."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import FileIO
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.cache.blob_writer import DiskBlobWriter, open_partial, remove_partial, sweep
from cachi2ish.cache.hashing import Buffers, Hashes
from cachi2ish.cache.layout import OWN_FOLDER, Layout
from cachi2ish.cache.running import Usage
from cachi2ish.core.artifacts import Blob, file_number
from cachi2ish.core.digests import Digest, strong
from cachi2ish.files.folder import ObstacleError
from cachi2ish.files.locks import locked
from cachi2ish.files.os_errors import FORBIDDEN, cache_errors, storage_errors

#: Tells backup programs to leave the directory out (Cache Directory Tagging Specification).
_CACHE_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# A cache of cachi2ish: it can be removed at any time.\n"
)


class DiskBlobs:
    """A directory of blobs; implements `cachi2ish.cache.interface.SharedBlobStore`.

    Many threads and processes may share it. The layout is in `cachi2ish.cache.layout`.
    """

    def __init__(self, directory: Path, *, lasting: bool = True) -> None:
        """Use ``directory``, making it where it is missing.

        lasting: pruning spares what is found as long as this process runs. Otherwise what is found is opened at
        once, and looked for again where it is gone by then: for a server that runs for months.
        Raises `StorageError` where it cannot be made. One that is there and may only be read serves what it
        has; then a `writer` raises `StorageError`, before anything is downloaded for it.
        """
        self._layout = Layout(directory.absolute())
        self._folder = self._layout.folder
        self._usage = Usage(self._layout, lasting=lasting)
        self._writing: dict[DiskBlobWriter, Path] = {}
        self._guard = threading.Lock()
        self._buffers = Buffers()
        with storage_errors(cache_errors(self._layout.root), Place.CACHE, making=True):
            try:
                self._prepare()
            except OSError as error:
                if error.errno not in FORBIDDEN or not self._layout.blobs.is_dir():
                    raise

    def find(self, digests: Collection[Digest]) -> Blob | None:
        """Return the blob that has all of ``digests``, hashed now, or None. Raises `StorageError`."""
        by_preference = sorted(strong(digests), key=lambda digest: (digest.algorithm != "sha256", digest))
        # All must hold, so the first one that leads anywhere leads to the only candidate.
        sha256 = next(filter(None, map(self._layout.address, by_preference)), None)
        return self._checked(sha256, digests) if sha256 else None

    @contextmanager
    def writer(self, key: str, algorithms: Iterable[str]) -> Iterator[DiskBlobWriter]:
        """Open a file to write; see the interface. A key that is being written elsewhere starts from zero."""
        path = self._layout.partial_of(key)
        with self._failures():
            partial = open_partial(self._folder, path)
        try:
            writer = DiskBlobWriter(self._layout, partial, algorithms, self._buffers)
        except BaseException:
            partial.close(keep=True)
            raise
        if not partial.private:
            with self._guard:
                self._writing[writer] = path
        try:
            yield writer
        finally:
            if not partial.private:
                with self._guard:
                    del self._writing[writer]
            writer.close()

    def discard(self, key: str) -> None:
        """Forget what an earlier attempt left under ``key``, and what an open one would leave.

        An attempt of another process goes on undisturbed.
        """
        path = self._layout.partial_of(key)
        with self._guard:
            open_here = [writer for writer, where in self._writing.items() if where == path]
            for writer in open_here:
                writer.discard()
        if open_here:
            return
        with self._failures():
            remove_partial(self._folder, path)

    def growing(self, key: str) -> int | None:
        """Return a descriptor for reading what is being written under ``key``, None where nothing is."""
        try:
            return self._folder.open(self._layout.partial_of(key), os.O_RDONLY)
        except OSError:
            return None

    def room(self) -> int:
        """Return how many bytes more the disk has room for. Raises `StorageError`."""
        with storage_errors(f"the cache {self._layout.root} cannot be read", Place.CACHE):
            found = os.statvfs(self._layout.root)
        return found.f_bavail * found.f_frsize

    def _checked(self, sha256: str, digests: Collection[Digest]) -> Blob | None:
        path = self._layout.blob(sha256)
        hashes = Hashes({"sha256", *(digest.algorithm for digest in digests)})
        with storage_errors(f"the cache {self._layout.root} cannot be read", Place.CACHE):
            try:
                file = FileIO(self._folder.open(path, os.O_RDONLY))
            except (FileNotFoundError, ObstacleError):  # a pipe or a link in its place is nobody's blob
                return None
            with file:
                status = os.fstat(file.fileno())
                size = hashes.update_from(file, self._buffers)
                if hashes.digest("sha256").value != sha256:
                    self._remove(path, file)
                    return None
        if any(hashes.digest(digest.algorithm, len(digest.value) // 2) != digest for digest in digests):
            return None
        if not self._usage.note(path):
            return None
        file_id = file_number(status.st_dev, status.st_ino)
        return Blob(sha256=sha256, size=size, folder=self._layout.files, file_id=file_id)

    def _remove(self, path: Path, file: FileIO) -> None:
        # Where nothing can be removed, nothing can be put in its place either: that will be told.
        with suppress(OSError), locked(self._layout.lock, self._folder):
            if self._folder.is_at(file.fileno(), path):  # nobody has healed it meanwhile
                self._folder.unlink(path)

    def _prepare(self) -> None:
        self._layout.root.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
        folder = self._folder
        folder.make(self._layout.blobs)
        folder.make(self._layout.partial)
        with locked(self._layout.lock, folder):  # opens a file to write, which is what must be possible
            self._tag()
            folder.touch(self._layout.lock)
        self._usage.register()
        sweep(folder, self._layout.partial)

    def _tag(self) -> None:
        tag = self._layout.root / "CACHEDIR.TAG"
        with suppress(FileExistsError):
            descriptor = self._folder.open(tag, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_CACHE_TAG)

    def _failures(self) -> AbstractContextManager[None]:
        return storage_errors(cache_errors(self._layout.root), Place.CACHE)
