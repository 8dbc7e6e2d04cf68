"""When a place that has failed is asked again: after pauses that grow, and by one at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, get_ident

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
