"""The store that all machines share, as one of them uses it: what it brings from there, and what it puts there.

What comes from an upstream is put there before the claim on its download is given back. Where that fails, a note
stays on the disk, and it is put later: nothing is lost, and nobody waits for a store that does not answer.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from cachi2ish.cache.interface import BlobStore
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.digests import Digest
from cachi2ish.errors import StorageError
from cachi2ish.files.folder import Folder
from cachi2ish.mirror.held.interface import SharedFiles, SharedStoreError

_log = logging.getLogger(__name__)

#: Seconds for which a store is left alone that has failed.
_LOST_FOR = 10.0

#: Seconds after which a note is removed whose download has brought nothing.
_GIVEN_UP_AFTER = 86_400.0


class Sharing:
    """What one machine brings from the shared store, and puts there. Safe to use from many threads.

    directory: for the notes on what is still to be put, made where it is missing. unfinished: names what has
    arrived of a download, so that an upstream goes on where the shared store broke off. clock: seconds.
    on_use: is told of each use: ``get`` or ``put``, and how it ended.
    """

    def __init__(
        self,
        files: SharedFiles,
        directory: Path,
        *,
        unfinished: Callable[[Artifact], str],
        clock: Callable[[], float],
        on_use: Callable[[str, str], None] = lambda _use, _outcome: None,
    ) -> None:
        self._files = files
        self._directory = directory
        self._folder = Folder(directory.parent)
        self._unfinished = unfinished
        self._clock = clock
        self._on_use = on_use
        self._lost_until: float | None = None
        self._damaged: set[str] = set()
        with suppress(OSError):
            directory.mkdir(mode=0o700, exist_ok=True)

    @property
    def name(self) -> str:
        """What messages call the store."""
        return self._files.name

    @property
    def is_lost(self) -> bool:
        """Whether it has failed a moment ago, so that nobody waits for it."""
        return self._lost_until is not None and self._clock() < self._lost_until

    def waiting(self) -> list[str]:
        """Return the keys of files that are still to be put there, and of those whose download was cut off."""
        try:
            return sorted(self._folder.names(self._directory))
        except OSError:
            return []

    def bring(
        self, sha256: str, artifact: Artifact | None, store: BlobStore, sized: Callable[[int], None]
    ) -> Blob | None:
        """Bring a file from there into ``store``; None where it is not there, or not right, or nobody answers.

        artifact: what an upstream would be asked for, None where there is none. What has arrived when the store
        breaks off stays for that.
        """
        kept = store.find([Digest("sha256", sha256)])
        if kept is not None or self.is_lost:
            return kept
        algorithms = {one.algorithm for one in artifact.digests} if artifact is not None else set()
        unfinished = f"shared {sha256}" if artifact is None else self._unfinished(artifact)
        try:
            return self._read(sha256, unfinished, algorithms, store, sized)
        except SharedStoreError as error:
            self._lose(error)
            self._on_use("get", "failed")
            return None

    def begin(self, key: str) -> None:
        """Note that a file is to be put there once it has come, also if this process is killed meanwhile."""
        self._note(key)

    def end(self, key: str) -> None:
        """Note that there is nothing to be put: it was put, or has not come."""
        with suppress(OSError):
            self._folder.unlink(self._directory / key, missing_ok=True)

    def put(self, blob: Blob) -> bool:
        """Put a file there; return whether it is there now. Otherwise it is put later."""
        if not self.is_lost:
            damaged = blob.sha256 in self._damaged
            try:
                new = self._files.put(blob.sha256, blob.path, blob.size, replace=damaged)
            except SharedStoreError as error:
                self._lose(error)
                self._on_use("put", "failed")
            except OSError as error:  # it has just been removed from the disk
                _log.warning("%s cannot be read: %s", blob.sha256, error.strerror)
            else:
                self._lost_until = None
                self._damaged.discard(blob.sha256)
                self._on_use("put", "new" if new else "there")
                self.end(blob.sha256)
                return True
        self._note(blob.sha256)
        return False

    def catch_up(self, find: Callable[[str], Blob | None]) -> None:
        """Put what is still to be put there, until the store fails.

        find: returns a file by its key, None where it is not on the disk.
        """
        for key in self.waiting():
            try:
                blob = find(key)
            except StorageError:
                return
            if blob is not None:
                if not self.put(blob):
                    return
                self.end(key)
            elif self._is_old(key):  # its download has not come to an end
                self.end(key)

    def has(self, sha256: str, size: int) -> bool:
        """Return whether it is certain that a file is there."""
        if self.is_lost or sha256 in self._damaged:
            return False
        try:
            return self._files.size_of(sha256) == size
        except SharedStoreError as error:
            self._lose(error)
            return False

    def _read(
        self, sha256: str, key: str, algorithms: Iterable[str], store: BlobStore, sized: Callable[[int], None]
    ) -> Blob | None:
        reading = self._files.read(sha256)
        self._lost_until = None
        if reading is None:
            self._on_use("get", "missing")
            return None
        sized(reading.size)
        with store.writer(key, algorithms) as writer:
            if writer.offset:
                writer.restart()
            for portion in reading.portions:
                writer.write(portion)
            if writer.digest("sha256").value == sha256:
                self._on_use("get", "brought")
                return writer.commit()
            writer.restart()
        self._on_use("get", "damaged")
        self._damaged.add(sha256)
        _log.error("%s in %s is damaged, and is replaced as soon as an upstream gives it", sha256, self.name)
        return None

    def _lose(self, error: SharedStoreError) -> None:
        if not self.is_lost:
            _log.warning("%s", f"{error.problem}; it is left alone for {_LOST_FOR:.0f} seconds")
        self._lost_until = self._clock() + _LOST_FOR

    def _is_old(self, key: str) -> bool:
        with suppress(OSError):
            return time.time() - self._folder.status(self._directory / key).st_mtime > _GIVEN_UP_AFTER
        return False

    def _note(self, key: str) -> None:
        try:
            os.close(self._folder.open(self._directory / key, os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError as error:
            _log.warning("%s may not be put into %s: %s", key, self.name, error.strerror)
