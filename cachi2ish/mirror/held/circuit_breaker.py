"""When a place that has failed is asked again (circuit breakers): after pauses that grow, and by one at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

from cachi2ish.mirror.held.interface import SharedStoreAwayError, SharedStoreError, SharedStoreFullError

_log = logging.getLogger(__name__)

#: Seconds of the first pause, and of the longest; each is twice as long as the one before.
_FIRST, _LONGEST = 10.0, 30.0

#: Seconds after which a message is written again.
_HOUR = 3600.0


class CircuitBreaker:
    """Whether a place may be asked now. Safe to use from many threads. clock: seconds.

    Where it has failed, nobody asks during the pause. Behind it one thread does; all others go on without, until
    that one has got an answer: a place that lets everybody wait delays one, and not all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._guard = Lock()
        self._open = False
        self._until = 0.0
        self._pause = 0.0
        self._trying: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the place has failed, and has not answered since."""
        return self._open

    def begin(self) -> bool:
        """Return whether this thread may ask now; if so, it calls `end` in any case."""
        with self._guard:
            if not self._open:
                return True
            if self._trying is not None or self._clock() < self._until:
                return False
            self._trying = get_ident()
            return True

    def answered(self) -> None:
        """Note that it has answered."""
        with self._guard:
            self._open, self._pause = False, 0.0

    def failed(self) -> None:
        """Note that it has failed: a pause begins, unless one has begun before this thread asked."""
        with self._guard:
            if self._open and self._trying != get_ident():  # of those that asked at the same time
                return
            self._pause = min(2 * self._pause, _LONGEST) or _FIRST
            self._open, self._until = True, self._clock() + self._pause

    def end(self) -> None:
        """Note that this thread has asked."""
        with self._guard:
            if self._trying == get_ident():
                self._trying = None


class Hourly:
    """Whether a message is due: not within an hour after it was written. Safe to use from many threads.

    clock: seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._guard = Lock()
        self._written: dict[str, float] = {}

    def is_due(self, message: str) -> bool:
        """Return whether a message is to be written now, and take it for written then."""
        with self._guard:
            now = self._clock()
            self._written = {one: at for one, at in self._written.items() if now - at < _HOUR}
            if message in self._written:
                return False
            self._written[message] = now
            return True


class _Outage:
    """What is wrong with a store, logged when it begins, when it is something else, and when it is over.

    One that comes and goes is logged once an hour: a file that is too large for what is left of a quota makes a
    store full that takes the next one. consequence, over: what is said of its beginning and its end.
    """

    def __init__(self, consequence: str, over: str, clock: Callable[[], float]) -> None:
        self._consequence = consequence
        self._over = over
        self._hourly = Hourly(clock)
        self._guard = Lock()
        self._problem: str | None = None

    def goes_on(self, problem: str) -> None:
        if problem != self._problem and self._hourly.is_due(problem):
            self._problem = problem
            _log.warning("%s", f"{problem}; {self._consequence}")

    def end(self) -> None:
        if self._problem is None:  # nearly always
            return
        with self._guard:
            problem, self._problem = self._problem, None
        if problem is not None:
            _log.warning("%s", self._over)


class StoreBreakers:
    """When a shared store is asked for files, and when one is put there. Safe to use from many threads.

    One that takes no files gives those that it has: only what is put waits then. name: of the store, in messages.
    clock: seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._asking = CircuitBreaker(clock)
        self._putting = CircuitBreaker(clock)
        self._away = _Outage(
            "files come from upstreams and the disk until it answers", f"{name} answers again", clock
        )
        self._full = _Outage(
            "what is new stays on the disk until it takes files", f"{name} takes files again", clock
        )

    @property
    def is_lost(self) -> bool:
        """Whether the store has failed and has not answered since, so that nobody waits for it."""
        return self._asking.is_open

    @property
    def is_full(self) -> bool:
        """Whether it took no file, and has not taken one since."""
        return self._putting.is_open

    def answered(self) -> None:
        """Note that the store has answered."""
        self._asking.answered()
        self._away.end()

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
            self.answered()
            self._putting.failed()
            self._full.goes_on(error.problem)
            raise
        except SharedStoreAwayError as error:
            self._lose(error)
            raise
        else:
            if may_ask:
                self.answered()
                self._putting.answered()
                self._full.end()
        finally:
            if may_ask:
                self._asking.end()
            if may_put:
                self._putting.end()

    def _lose(self, error: SharedStoreError) -> None:
        self._asking.failed()
        self._away.goes_on(error.problem)
