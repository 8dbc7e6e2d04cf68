"""Who has a cache open, so that nothing is removed from under them (``docs/adr/0015-…``).

A process starts with a file in ``running/``, locked until the process ends: its mtime is when the process started.
From then on the process touches each blob that it finds or brings. So a blob that was last touched before the
oldest running process started is used by none of them.

Who cannot touch a blob (a cache on a read-only file system, a file of another user) holds the shared lock of
`Layout.readers` instead: while anybody does, no blob is removed.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from contextlib import suppress
from pathlib import Path

from cachi2ish.cache.layout import Layout
from cachi2ish.files.folder import Folder, ObstacleError
from cachi2ish.files.locks import make_locked, share_lock, sharing, try_lock

#: The names in `Layout.running`, which are random.
_NAME = re.compile("[0-9a-f]{16}")


class Usage:
    """What this process uses of a cache. Ends with the object, or the process. Safe to use from many threads.

    lasting: it comes back to what it has found; otherwise it opens that at once, and looks again where it is gone.
    """

    def __init__(self, layout: Layout, *, lasting: bool) -> None:
        self._layout = layout
        self._lasting = lasting
        self._folder, self._lock = layout.folder, layout.lock
        self._registered = False
        self._reading = False
        self._guard = threading.Lock()

    def register(self) -> None:
        """Tell others that this process begins; where that is impossible, it uses the cache all the same.

        Removes what killed processes have left.
        """
        folder, directory = self._folder, self._layout.running
        if not self._lasting:
            return
        with suppress(OSError):
            os.close(folder.open(self._layout.readers, os.O_RDONLY | os.O_CREAT, 0o666))
            folder.make(directory)
            oldest_start(directory)
            path, descriptor = make_locked(folder, directory.joinpath, 0o644)
            weakref.finalize(self, _leave, folder, path, descriptor)
            self._registered = True

    def note(self, path: Path) -> bool:
        """Note that the blob at ``path`` is used from now on; return False where it has just been removed."""
        with sharing(self._lock, self._folder):  # nobody removes a blob meanwhile
            try:
                self._folder.touch(path)
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
            if self._reading or not self._lasting:
                return
            self._reading = True
            with suppress(OSError):  # a read-only cache that never had the file: nothing can be done
                descriptor = self._folder.open(self._layout.readers, os.O_RDONLY)
                weakref.finalize(self, os.close, descriptor)
                share_lock(descriptor)


def oldest_start(directory: Path) -> int | None:
    """Return when the process began that has run longest, by the file system's clock; None where there is none.

    In nanoseconds since 1970. Removes what killed processes have left, as far as that is possible. What has
    another name than `make_locked` gives is no process. Raises `OSError`.
    """
    folder, starts = Folder(directory.parent), []
    for name in filter(_NAME.fullmatch, folder.names(directory)):
        path = directory / name
        with suppress(FileNotFoundError, ObstacleError):  # it has just ended, or is none
            started = folder.status(path).st_mtime_ns
            if not _is_left(folder, path):
                starts.append(started)
    return min(starts, default=None)


def is_read_unnoted(layout: Layout) -> bool:
    """Return whether a process uses blobs that it cannot touch. Raises `OSError`.

    To be called, and to be acted upon, with the lock of `Layout.lock` held.
    """
    descriptor = layout.folder.open(layout.readers, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def _is_left(folder: Folder, path: Path) -> bool:
    """Return whether the process that made the file is gone, and the file is removed for it."""
    try:
        descriptor = _opened(folder, path)
    except (FileNotFoundError, ObstacleError):
        raise
    except OSError:  # another user's: it is to be taken for running
        return False
    try:
        if not try_lock(descriptor):
            return False
        if folder.is_at(descriptor, path):
            with suppress(OSError):
                folder.unlink(path)
        return True
    finally:
        os.close(descriptor)


def _opened(folder: Folder, path: Path) -> int:
    try:
        return folder.open(path, os.O_RDWR)  # NFS locks only what may be written
    except OSError:
        return folder.open(path, os.O_RDONLY)


def _leave(folder: Folder, path: Path, descriptor: int) -> None:
    with suppress(OSError):
        folder.unlink(path)
    os.close(descriptor)
