"""When a place that has failed is asked again: after pauses that grow, and by one at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

from cachi2ish.mirror.held.interface import SharedStoreAwayError, SharedStoreError, SharedStoreFullError

_log = logging.getLogger(__name__)

#: Seconds of the first pause, and of the longest; each is twice as long as the one before.
_FIRST, _LONGEST = 10.0, 30.0


class Pauses:
    """Whether a place may be asked now. Safe to use from many threads. clock: seconds.

    Where it has failed, nobody asks during the pause. Behind it one thread does; all others go on without, until
    that one has got an answer: a place that lets everybody wait delays one, and not all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._guard = Lock()
        self._lost = False
        self._until = 0.0
        self._pause = 0.0
        self._trying: int | None = None

    @property
    def is_lost(self) -> bool:
        """Whether it has failed, and has not answered since."""
        return self._lost

    def begin(self) -> bool:
        """Return whether this thread may ask now; if so, it calls `end` in any case."""
        with self._guard:
            if not self._lost:
                return True
            if self._trying is not None or self._clock() < self._until:
                return False
            self._trying = get_ident()
            return True

    def answered(self) -> None:
        """Note that it has answered."""
        with self._guard:
            self._lost, self._pause = False, 0.0

    def failed(self) -> float | None:
        """Note that it has failed; return the seconds of the pause that begins, None where one began before."""
        with self._guard:
            if self._lost and self._trying != get_ident():  # of those that asked at the same time
                return None
            self._pause = min(2 * self._pause, _LONGEST) or _FIRST
            self._lost, self._until = True, self._clock() + self._pause
            return self._pause

    def end(self) -> None:
        """Note that this thread has asked."""
        with self._guard:
            if self._trying == get_ident():
                self._trying = None


class StorePauses:
    """When a shared store is asked for files, and when one is put there. Safe to use from many threads.

    One that takes no files gives those that it has: only what is put waits then. clock: seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._asking = Pauses(clock)
        self._putting = Pauses(clock)

    @property
    def is_lost(self) -> bool:
        """Whether the store has failed and has not answered since, so that nobody waits for it."""
        return self._asking.is_lost

    @property
    def is_full(self) -> bool:
        """Whether it took no file, and has not taken one since."""
        return self._putting.is_lost

    def answered(self) -> None:
        """Note that the store has answered."""
        self._asking.answered()

    @contextmanager
    def asking(self) -> Iterator[bool]:
        """Yield whether the block may ask the store now. What it raises of the store is noted."""
        may_ask = self._asking.begin()
        try:
            yield may_ask
        except SharedStoreError as error:
            self._lose(error)
            raise
        finally:
            if may_ask:
                self._asking.end()

    @contextmanager
    def putting(self) -> Iterator[bool]:
        """Yield whether the block may put something there now. What it raises of the store is noted."""
        may_put = self._putting.begin()
        may_ask = may_put and self._asking.begin()
        try:
            yield may_ask
        except SharedStoreFullError as error:
            self._asking.answered()
            pause = self._putting.failed()
            if pause is not None:
                _log.warning("%s", f"{error.problem}; nothing is put there for {pause:.0f} seconds")
            raise
        except SharedStoreAwayError as error:
            self._lose(error)
            raise
        else:
            if may_ask:
                self._asking.answered()
                self._putting.answered()
        finally:
            if may_ask:
                self._asking.end()
            if may_put:
                self._putting.end()

    def _lose(self, error: SharedStoreError) -> None:
        pause = self._asking.failed()
        if pause is not None:
            _log.warning("%s", f"{error.problem}; it is left alone for {pause:.0f} seconds")
