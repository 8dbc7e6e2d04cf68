"""Who has a cache open, so that nothing is removed from under them (``docs/adr/0015-…``).

A process begins with a file in ``running/``, locked until the process ends: its mtime is when the process began.
From then on the process touches each blob that it finds or brings. So a blob that was last touched before the
oldest running process began is used by none of them.

Who cannot touch a blob (a cache on a read-only file system, a file of another user) holds the shared lock of
`Layout.readers` instead: while anybody does, no blob is removed.
"""

from __future__ import annotations

import os
import secrets
import threading
import weakref
from contextlib import suppress
from pathlib import Path

from cachi2ish.cache.layout import Layout
from cachi2ish.files.locks import is_at, share_lock, sharing, try_lock, wait_for_lock


class Usage:
    """What this process uses of a cache. Ends with the object, or the process. Safe to use from many threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._registered = False
        self._reading = False
        self._guard = threading.Lock()

    def register(self) -> None:
        """Tell others that this process begins; where that is impossible, it uses the cache all the same.

        Removes what killed processes have left.
        """
        directory = self._layout.running
        with suppress(OSError):
            os.close(os.open(self._layout.readers, os.O_RDONLY | os.O_CREAT, 0o666))
            directory.mkdir(exist_ok=True)
            oldest_start(directory)
            path, descriptor = _claim(directory)
            weakref.finalize(self, _leave, path, descriptor)
            self._registered = True

    def note(self, path: Path) -> bool:
        """Note that the blob at ``path`` is used from now on; return False where it has just been removed."""
        with sharing(self._layout.lock):  # nobody removes a blob meanwhile
            try:
                os.utime(path)
            except FileNotFoundError:
                return False
            except OSError:
                self._hold()
            else:
                if not self._registered:
                    self._hold()
        return True

    def _hold(self) -> None:
        with self._guard:
            if self._reading:
                return
            self._reading = True
            with suppress(OSError):  # a read-only cache that never had the file: nothing can be done
                descriptor = os.open(self._layout.readers, os.O_RDONLY)
                weakref.finalize(self, os.close, descriptor)
                share_lock(descriptor)


def oldest_start(directory: Path) -> int | None:
    """Return when the process began that has run longest, by the file system's clock; None where there is none.

    In nanoseconds since 1970. Removes what killed processes have left, as far as that is possible.
    Raises `OSError`.
    """
    starts = []
    with os.scandir(directory) as entries:
        paths = [Path(entry.path) for entry in entries]
    for path in paths:
        with suppress(FileNotFoundError):  # it has just ended
            started = path.lstat().st_mtime_ns
            if not _is_left(path):
                starts.append(started)
    return min(starts, default=None)


def is_read_unnoted(layout: Layout) -> bool:
    """Return whether a process uses blobs that it cannot touch. Raises `OSError`.

    To be called, and to be acted upon, with the lock of `Layout.lock` held.
    """
    descriptor = os.open(layout.readers, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def _claim(directory: Path) -> tuple[Path, int]:
    while True:
        path = directory / secrets.token_hex(8)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        wait_for_lock(descriptor)
        if is_at(descriptor, path):  # nobody took it for a leftover before it was locked
            return path, descriptor
        os.close(descriptor)


def _is_left(path: Path) -> bool:
    """Return whether the process that made the file is gone, and the file is removed for it."""
    try:
        descriptor = _opened(path)
    except FileNotFoundError:
        raise
    except OSError:  # another user's: it is to be taken for running
        return False
    try:
        if not try_lock(descriptor):
            return False
        if is_at(descriptor, path):
            with suppress(OSError):
                path.unlink()
        return True
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)  # NFS locks only what may be written
    except OSError:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def _leave(path: Path, descriptor: int) -> None:
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)
