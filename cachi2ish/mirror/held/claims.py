"""Which of several processes, on one machine or on many, downloads a file: its upstream is asked for it once."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from cachi2ish.cache.interface import SharedBlobStore
from cachi2ish.errors import StorageError
from cachi2ish.files.folder import Folder
from cachi2ish.mirror.held.relay import Download
from cachi2ish.mirror.history.interface import Sightings

_log = logging.getLogger(__name__)

#: Seconds after which the claim of another process is tried again, and what it has brought meanwhile is looked at.
_PAUSE = 0.05

#: Seconds after which the claim of another machine is tried again, in steps of the pause.
_PAUSE_BETWEEN_MACHINES = 0.25

#: Characters of a note.
_LONGEST_NOTE = 200


class Claim:
    """The claim on one file, held. Without a lock it is nothing but the right to go on."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    def note(self, key: str) -> None:
        """Tell those who wait under which key of the store the file is being written."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, key.encode()[:_LONGEST_NOTE], 0)


class Claims:
    """A locked file (flock) for each file that is being downloaded. It ends with the process that holds it.

    Safe to use from many threads. Where a file system has no locks, or no room, everybody downloads.
    Where all machines share their files, they agree by their history, too. Where its database does not answer, a
    machine goes on without: two downloads of a file do no harm.
    """

    def __init__(self, directory: Path, among: Sightings | None = None) -> None:
        """Keep them in ``directory``, which is made; what killed processes have left there is removed.

        among: the history that all machines share, None where each has files of its own.
        """
        self._directory = directory
        self._among = among
        self._folder = Folder(directory.parent)
        with suppress(OSError):
            directory.mkdir(mode=0o700, exist_ok=True)
            for name in self._folder.names(directory):
                with suppress(OSError):
                    self._sweep(directory / name)

    @contextmanager
    def holding(self, key: str, wait: Callable[[str], None]) -> Iterator[Claim]:
        """Hold the claim on a file within the block.

        key: the file's, which is fit for the name of a file. wait: called again and again while another one holds
        it, with what that one has noted; what it raises ends the waiting.
        """
        path, descriptor = self._directory / key, None
        with suppress(OSError):
            descriptor = self._take(path)
            while descriptor is None:
                wait(_note_of(path, self._folder))
                descriptor = self._take(path)
        try:
            held = self._among is not None and self._taken_among(self._among, key, wait)
            try:
                yield Claim(descriptor)
            finally:
                if held and self._among is not None:
                    self._leave_among(self._among, key)
        finally:
            if descriptor is not None:
                self._leave(path, descriptor)

    def _taken_among(self, among: Sightings, key: str, wait: Callable[[str], None]) -> bool:
        """Wait until this machine is the one; return False where nobody can tell."""
        try:
            while not among.try_claim_file(key):
                until = time.monotonic() + _PAUSE_BETWEEN_MACHINES
                while time.monotonic() < until:
                    wait("")
        except StorageError as error:
            _log.warning("%s is downloaded without asking other machines: %s", key, error.problem)
            return False
        return True

    def _leave_among(self, among: Sightings, key: str) -> None:
        with suppress(StorageError):
            if among.leave_file(key):
                return
        _log.warning("the connection to the database was lost: another machine may have downloaded %s too", key)

    def _take(self, path: Path) -> int | None:
        """Return the open file whose lock is held now; None where another one holds it. Raises `OSError`."""
        while True:
            descriptor = self._folder.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._folder.is_at(descriptor, path):
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # between opening and locking, its holder has removed it

    def _sweep(self, path: Path) -> None:
        descriptor = self._take(path)
        if descriptor is not None:
            self._leave(path, descriptor)

    def _leave(self, path: Path, descriptor: int) -> None:
        # Removed while it is locked: it cannot be another one's by now.
        with suppress(OSError):
            self._folder.unlink(path)
        os.close(descriptor)


class Follow:
    """What another process downloads, read while it arrives: the ``wait`` of `Claims.holding`. A context manager.

    download: whose clients are sent it, by the rules that hold for bytes of one's own. For the download's thread.
    """

    def __init__(self, blobs: SharedBlobStore, download: Download) -> None:
        self._blobs = blobs
        self._download = download
        self._key = ""
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, key: str) -> None:
        """Let the download's clients have what has arrived, and wait a moment. Raises `Abandoned`."""
        if key != self._key:
            self._close()
            self._key, self._descriptor = key, self._blobs.growing(key)
            if self._descriptor is not None:
                self._download.tap(os.dup(self._descriptor), 0)
        self._download.grown(0 if self._descriptor is None else os.fstat(self._descriptor).st_size)
        time.sleep(_PAUSE)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _note_of(path: Path, folder: Folder) -> str:
    with suppress(OSError), os.fdopen(folder.open(path, os.O_RDONLY), "rb", buffering=0) as file:
        return (file.read(_LONGEST_NOTE) or b"").decode("ascii", "replace")
    return ""
