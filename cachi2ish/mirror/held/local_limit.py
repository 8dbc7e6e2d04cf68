"""Keeps the disk of one machine small where the shared store has all files: the least recently used go first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from threading import Condition
from typing import Protocol

from cachi2ish.cache.interface import Pruning
from cachi2ish.core.cache_contents import Entry, EntryKind
from cachi2ish.errors import StorageError
from cachi2ish.mirror.held.freeing import sha256_of

_log = logging.getLogger(__name__)

#: The part of the limit that is left full, so that not every download has to remove something.
_LEFT = 0.9

#: Seconds after which what is on the disk is counted again: other processes may write there.
_COUNTED_FOR = 60.0

#: Seconds that a download waits until something was removed for it; then it begins all the same.
_PATIENCE = 5.0

#: After that, nobody goes on with what has arrived of a download.
_UNFINISHED_FOR = timedelta(days=1)


class SharedStore(Protocol):
    """The shared store, as it is asked here. is_lost: nobody waits for it now."""

    @property
    def is_lost(self) -> bool:
        """Whether it does not answer, so that nothing is certain."""
        ...

    def has(self, sha256: str, size: int) -> bool:
        """Return whether it is certain that a file is there."""
        ...

    def is_unsent(self, sha256: str) -> bool:
        """Return whether a file is queued to be put there, without asking anybody."""
        ...


class LocalLimit:
    """Removes files from the disk that are certain to be in the shared store. Safe to use from many threads.

    One thread removes at a time, and nobody waits for it but downloads for which there is no room yet.

    most: bytes. pruning: begins to remove. store: what has the files. put: puts a file there that it lacks, by its
    sha256, or queues it; returns whether it is there now. start: runs what it is given in another
    thread. clock: seconds. now: the time of day.
    """

    def __init__(
        self,
        most: int,
        pruning: Callable[[], Pruning],
        store: SharedStore,
        put: Callable[[str], bool],
        *,
        start: Callable[[Callable[[], None]], object],
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._most = most
        self._pruning = pruning
        self._store = store
        self._put = put
        self._start = start
        self._clock = clock
        self._now = now
        self._changed = Condition()
        self._counted, self._coming, self._waiting = 0, 0, 0
        self._counted_at: float | None = None
        self._in_vain_at: float | None = None
        self._removing = False

    def make_room(self, size: int) -> None:
        """Remove what has to go so that ``size`` bytes more are below the limit, as far as possible soon."""
        with self._changed:
            self._coming += size
            if self._has_room():
                return
            self._waiting += size
            if not self._removing and not self._is_recent(self._in_vain_at):
                self._removing = True
                try:
                    self._start(self._remove)
                except RuntimeError:  # the mirror ends
                    self._removing = False
            self._changed.wait_for(lambda: self._has_room() or not self._removing, _PATIENCE)
            self._waiting -= size

    def tend(self) -> None:
        """Count what is on the disk, unless that was done just now, and remove what is beyond the limit."""
        with self._changed:
            self._changed.wait_for(lambda: not self._removing, _PATIENCE)
            nothing_to_do = self._has_room() or self._store.is_lost
            if self._removing or (nothing_to_do and self._is_recent(self._counted_at)):
                return
            self._removing = True
        self._remove()

    def _has_room(self) -> bool:
        return self._counted_at is not None and self._counted + self._coming <= self._most

    def _is_recent(self, instant: float | None) -> bool:
        return instant is not None and self._clock() - instant < _COUNTED_FOR

    def _remove(self) -> None:
        try:
            self._remove_down_to_limit()
        except StorageError as error:
            _log.warning("the disk is not kept small: %s", error.problem)
        finally:
            with self._changed:
                self._removing = False
                # What could not be removed now cannot be a moment later.
                self._in_vain_at = None if self._has_room() else self._clock()
                self._changed.notify_all()

    def _remove_down_to_limit(self) -> None:
        with self._changed:
            arrived = self._coming - self._waiting
        pruning = self._pruning()
        entries = sorted(pruning.entries, key=lambda one: (one.used, one.path))
        with self._changed:
            self._counted = sum(entry.size for entry in entries)
            self._coming -= arrived
            self._counted_at = self._clock()
            self._changed.notify_all()
            if self._has_room():
                return
        given_up = self._now() - _UNFINISHED_FOR
        self._remove_each(pruning, (one for one in entries if _is_given_up(one, given_up)))
        self._remove_each(pruning, filter(self._is_safe, _files(entries, self._store)))

    def _remove_each(self, pruning: Pruning, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if pruning.remove(entry):
                with self._changed:
                    self._counted -= entry.size
                    self._changed.notify_all()
                    if self._counted <= (self._most - self._coming) * _LEFT:
                        return

    def _is_safe(self, entry: Entry) -> bool:
        sha256 = sha256_of(entry)
        if self._store.is_unsent(sha256):  # it has its turn elsewhere; a store that is full is not asked for each
            return False
        return self._store.has(sha256, entry.size) or (not self._store.is_lost and self._put(sha256))


def _is_given_up(entry: Entry, before: datetime) -> bool:
    return entry.kind is EntryKind.UNFINISHED and entry.used < before


def _files(entries: Iterable[Entry], store: SharedStore) -> Iterator[Entry]:
    """Yield files for as long as the store can tell whether it has them."""
    for entry in entries:
        if store.is_lost:
            return
        if entry.kind is EntryKind.FILE:
            yield entry
