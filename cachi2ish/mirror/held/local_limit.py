"""Keeps the disk of one machine small where the shared store has all files: the least recently used go first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from cachi2ish.cache.interface import Pruning
from cachi2ish.core.cache_contents import Entry, EntryKind
from cachi2ish.errors import StorageError
from cachi2ish.mirror.held.freeing import sha256_of

_log = logging.getLogger(__name__)

#: The part of the limit that is left full, so that not every download has to remove something.
_LEFT = 0.9

#: Seconds after which what is on the disk is counted again: other processes may write there.
_COUNTED_FOR = 60.0

#: Seconds for which nothing more is tried where too little could be removed: the shared store is away, maybe.
_IN_VAIN_FOR = 10.0


class LocalLimit:
    """Removes files from the disk that are certain to be in the shared store. Safe to use from many threads.

    most: bytes. pruning: begins to remove. is_safe: returns whether a file, by its sha256 and size, is in the
    shared store; where it is not, it is put there, or stays. clock: seconds.
    """

    def __init__(
        self,
        most: int,
        pruning: Callable[[], Pruning],
        is_safe: Callable[[str, int], bool],
        clock: Callable[[], float],
    ) -> None:
        self._most = most
        self._pruning = pruning
        self._is_safe = is_safe
        self._clock = clock
        self._lock = Lock()
        self._size = 0
        self._counted_at: float | None = None
        self._in_vain_at: float | None = None

    def make_room(self, size: int) -> None:
        """Remove what has to go so that ``size`` bytes more are below the limit, as far as that is possible."""
        with self._lock:
            if self._counted_at is not None and self._size + size <= self._most:
                self._size += size
            elif self._in_vain_at is None or self._clock() - self._in_vain_at >= _IN_VAIN_FOR:
                self._fit(size)

    def tend(self) -> None:
        """Count again, and remove what other processes have brought beyond the limit."""
        with self._lock:
            stale = self._counted_at is None or self._clock() - self._counted_at >= _COUNTED_FOR
            if stale or self._size > self._most:
                self._fit(0)

    def _fit(self, size: int) -> None:
        try:
            self._size = self._removed_down_to(self._most - size) + size
        except StorageError as error:
            _log.warning("the disk is not kept small: %s", error.problem)
        self._counted_at = self._clock()
        self._in_vain_at = self._counted_at if self._size > self._most else None

    def _removed_down_to(self, most: int) -> int:
        """Return what is left, which is at most ``most`` where that is possible."""
        pruning = self._pruning()
        left = sum(entry.size for entry in pruning.entries)
        if left <= most:
            return left
        for entry in sorted(pruning.entries, key=lambda one: (one.used, one.path)):
            if left <= most * _LEFT:
                break
            if self._may_go(entry) and pruning.remove(entry):
                left -= entry.size
        return left

    def _may_go(self, entry: Entry) -> bool:
        return entry.kind is EntryKind.FILE and self._is_safe(sha256_of(entry), entry.size)
