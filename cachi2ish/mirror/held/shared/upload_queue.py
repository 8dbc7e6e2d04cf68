"""What is still to be put into the shared store, queued on the disk, so that a machine that ends forgets nothing.

An entry is an empty file, by the key of what is to be put. It says `replace` where the store has a damaged one.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

from cachi2ish.files.folder import Folder

#: Seconds after which an entry is removed whose download has brought nothing.
_GIVEN_UP_AFTER = 86_400.0

#: What an entry says of a file that is to be put in the place of something damaged.
_REPLACE = b"replace"


class UploadQueue:
    """The queue in a directory, which is made where it is missing. Safe to use from many threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folder = Folder(directory.parent)
        self._counting = Lock()
        with suppress(OSError):
            directory.mkdir(mode=0o700, exist_ok=True)
        self._count = len(self.keys())

    def __len__(self) -> int:
        """Return how many there are; those that other processes add are counted by `counted`."""
        return self._count

    def keys(self) -> list[str]:
        """Return the keys of files that are still to be put there, and of those whose download was cut off."""
        try:
            return sorted(self._folder.names(self._directory))
        except OSError:
            return []

    def counted(self) -> list[str]:
        """Return the same, and count them."""
        keys = self.keys()
        with self._counting:
            self._count = len(keys)
        return keys

    def has(self, key: str) -> bool:
        """Return whether a file is queued."""
        with suppress(OSError):
            self._folder.status(self._directory / key)
            return True
        return False

    def add(self, key: str, *, replace: bool = False) -> None:
        """Queue a file, unless it is, and say whether it replaces something. Raises `OSError`."""
        path = self._directory / key
        with suppress(FileExistsError):
            os.close(self._folder.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._change(1)
        if replace:
            with os.fdopen(self._folder.open(path, os.O_WRONLY), "wb", buffering=0) as entry:
                entry.write(_REPLACE)

    def remove(self, key: str) -> None:
        """Remove a file from the queue, which need not be there."""
        with suppress(OSError):
            self._folder.unlink(self._directory / key)
            self._change(-1)

    def says_replace(self, key: str) -> bool:
        """Return whether the file is to be put in the place of something damaged."""
        with suppress(OSError):
            return self._folder.status(self._directory / key).st_size == len(_REPLACE)
        return False

    def is_old(self, key: str) -> bool:
        """Return whether a download that has brought nothing by now will not come to an end."""
        with suppress(OSError):
            return time.time() - self._folder.status(self._directory / key).st_mtime > _GIVEN_UP_AFTER
        return False

    def _change(self, change: int) -> None:
        with self._counting:
            self._count = max(0, self._count + change)
