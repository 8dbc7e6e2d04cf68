"""Which of several processes, on one machine or on many, downloads a file: its upstream is asked for it once."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol, Self

from cachi2ish.cache.interface import SharedBlobStore
from cachi2ish.errors import StorageError
from cachi2ish.files.folder import Folder
from cachi2ish.mirror.held.circuit_breaker import CircuitBreaker
from cachi2ish.mirror.held.relay import Download

_log = logging.getLogger(__name__)

#: Seconds after which the claim of another process is tried again, and what it has brought meanwhile is looked at.
_PAUSE = 0.05

#: Seconds after which the claim of another machine is tried again, in steps of the pause.
_PAUSE_BETWEEN_MACHINES = 0.25

#: Seconds without an answer after which a database is left alone for a while.
_SLOW = 1.0

#: Characters of a note.
_LONGEST_NOTE = 200


class FileClaims(Protocol):
    """What all machines agree by: their history, see there. Raises `StorageError` where it does not answer."""

    def try_claim_file(self, key: str) -> bool:
        """Return whether this process holds the claim on a file now."""
        ...

    def leave_file(self, key: str) -> bool:
        """Let go of it; return False where it was lost meanwhile."""
        ...


class Claim:
    """The claim on one file, held on this machine. Without a lock it is nothing but the right to go on.

    among_machines: holds it among all machines within a block, too.
    """

    def __init__(self, descriptor: int | None, among_machines: Callable[[], AbstractContextManager[None]]) -> None:
        self._descriptor = descriptor
        self.among_machines = among_machines

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
    machine goes on without: two downloads of a file do no harm. One that lets callers wait is left alone a while.
    """

    def __init__(
        self, directory: Path, among: FileClaims | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep them in ``directory``, which is made; what killed processes have left there is removed.

        among: the history that all machines share, None where each has files of its own. clock: seconds.
        """
        self._directory = directory
        self._among = among
        self._clock = clock
        self._breaker = CircuitBreaker(clock)
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
            yield Claim(descriptor, lambda: self._among_machines(key, wait))
        finally:
            if descriptor is not None:
                self._leave(path, descriptor)

    @contextmanager
    def _among_machines(self, key: str, wait: Callable[[str], None]) -> Iterator[None]:
        among = self._among
        if among is None or not self._taken_among(among, key, wait):
            yield
            return
        try:
            yield
        finally:
            self._leave_among(among, key)

    def _taken_among(self, among: FileClaims, key: str, wait: Callable[[str], None]) -> bool:
        """Wait until this machine is the one; return False where nobody can tell."""
        while self._breaker.begin():
            begun = self._clock()
            try:
                if among.try_claim_file(key):
                    self._breaker.answered()
                    return True
                self._breaker.answered()
            except StorageError as error:
                if self._clock() - begun > _SLOW:
                    self._breaker.failed()
                _log.warning("%s is downloaded without asking other machines: %s", key, error.problem)
                return False
            finally:
                self._breaker.end()
            until = time.monotonic() + _PAUSE_BETWEEN_MACHINES
            while time.monotonic() < until:
                wait("")
        return False

    def _leave_among(self, among: FileClaims, key: str) -> None:
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
