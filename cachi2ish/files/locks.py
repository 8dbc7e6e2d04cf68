"""Advisory locks (flock): they belong to an open file, and vanish with the process that holds it.

Where a file system has no locks, everything still works; only what they make better is lost.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cachi2ish.files.folder import Folder

#: How often, and after how many seconds each, the lock of a directory is tried.
_TRIES = 100
_PAUSE = 0.02


def try_lock(descriptor: int) -> bool:
    """Return whether this open file holds the lock now; False too where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def wait_for_lock(descriptor: int) -> None:
    """Return when this open file holds the lock; at once where there are no locks."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def share_lock(descriptor: int) -> None:
    """Return when this open file holds the lock, maybe with others; at once where there are no locks."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether ``path`` still names the open file (it may have been renamed or removed)."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def make_locked(folder: Folder, path_of: Callable[[str], Path], mode: int = 0o600) -> tuple[Path, int]:
    """Make a file below ``folder`` that this process holds the lock of; return its path, and it, open.

    path_of: returns where, for 16 random characters. Whoever removes what dead processes have left may come
    between making and locking; then another one is made. Raises `OSError`.
    """
    while True:
        path = path_of(os.urandom(8).hex())
        descriptor = folder.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        wait_for_lock(descriptor)
        if folder.is_at(descriptor, path):
            return path, descriptor
        os.close(descriptor)


@contextmanager
def locked(path: Path, folder: Folder | None = None) -> Iterator[None]:
    """Hold the lock of ``path``, a file of ours that is made where it is missing; waits. Raises `OSError`.

    folder: below which no link is followed; None for the one that ``path`` is in.
    """
    descriptor = (folder or Folder(path.parent)).open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


class KeptLock:
    """The lock of ``path`` for threads that take it again and again: each of them keeps the file open.

    folder: as in `locked`. A file that was removed meanwhile is made and opened again.
    """

    def __init__(self, path: Path, folder: Folder) -> None:
        self._path, self._folder = path, folder
        self._kept = _Kept()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, as `locked` does. Raises `OSError`."""
        descriptor = self._open(os.O_RDWR | os.O_CREAT)
        try:
            wait_for_lock(descriptor)
            yield
        finally:
            _unlock(descriptor)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock together with all who hold it so; waits for who holds it alone.

        Goes on without it where it cannot be opened: in a cache that may only be read.
        """
        try:
            descriptor = self._open(os.O_RDONLY)
        except OSError:
            yield
            return
        try:
            share_lock(descriptor)
            yield
        finally:
            _unlock(descriptor)

    def _open(self, flags: int) -> int:
        kept = self._kept.files.get(flags)
        if kept is None or not os.fstat(kept.descriptor).st_nlink:
            kept = self._kept.files[flags] = _Open(self._folder.open(self._path, flags, 0o666))
        return kept.descriptor


class _Kept(threading.local):
    """What a thread keeps open, by the flags it was opened with: some file systems lock for one use only."""

    def __init__(self) -> None:
        self.files: dict[int, _Open] = {}


class _Open:
    """A descriptor that is closed when nobody has it any more."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


def _unlock(descriptor: int) -> None:
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def locked_directory(path: Path) -> Iterator[None]:
    """Hold the lock of a directory of the user's; waits for it, but not for ever. Raises `OSError`.

    The user may have locked it (``flock out fetch-deps …``): that must delay us and not stop us.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(_TRIES):
            if try_lock(descriptor):
                break
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)
