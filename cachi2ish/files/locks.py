"""Advisory locks (flock): they belong to an open file, and vanish with the process that holds it.

Where a file system has no locks, everything still works; only what they make better is lost.
"""

from __future__ import annotations

import fcntl
import os
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


@contextmanager
def sharing(path: Path, folder: Folder | None = None) -> Iterator[None]:
    """Hold the lock of ``path`` together with all who hold it so; waits for who holds it alone.

    Goes on without it where it cannot be opened: in a cache that may only be read. folder: as in `locked`.
    """
    try:
        # NFS wants a file open to read for a shared lock, open to write for an exclusive one.
        descriptor = (folder or Folder(path.parent)).open(path, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        share_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


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
