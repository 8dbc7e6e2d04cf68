"""Which of several processes on one store downloads a file, so that the upstream is asked for it once."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from cachi2ish.cache.interface import SharedBlobStore
from cachi2ish.files.folder import Folder
from cachi2ish.mirror.relay import Download

#: Seconds after which the claim of another process is tried again, and what it has brought meanwhile is looked at.
_PAUSE = 0.05

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
    """

    def __init__(self, directory: Path) -> None:
        """Keep them in ``directory``, which is made; what killed processes have left there is removed."""
        self._directory = directory
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
            yield Claim(descriptor)
        finally:
            if descriptor is not None:
                self._leave(path, descriptor)

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
