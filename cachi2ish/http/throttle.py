"""How much may be asked of one host at once, and when: less, and later, for one that says that it is too much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from msgspec import Struct

from cachi2ish.core.urls import Address, WebOrigin
from cachi2ish.errors import HostError
from cachi2ish.http.retries import readable_retry_after

#: By how much each request that goes well lets the number of requests at once grow again.
_GROWTH = 0.25


class HostLimits(Struct, frozen=True, kw_only=True):
    """What holds for each host. most: requests at once. longest: seconds that anybody waits for a host.

    lost_for: seconds during which nobody asks a host that was given up.
    clock: seconds that only go forward. sleep: waits.
    """

    most: int
    longest: float
    lost_for: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]


class Host:
    """One origin as all threads of a run see it. Safe to use from many threads.

    Who asks for too much is answered 429 or 503. If each of 32 threads then came back for itself, the host would
    get as many requests as before. So the answer to one is an answer to all: nobody asks before the time that it
    names, and then half as many at once; requests that go well let the number grow again.
    """

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._changed = Condition()
        self._active = 0
        self._allowed = float(limits.most)
        self._not_before = float("-inf")
        self._slowed = float("-inf")
        self._served = 0
        self._answered = False
        self._lost: HostError | None = None
        self._lost_until = float("-inf")

    @property
    def served(self) -> int:
        """How many requests went well: whether there is progress."""
        return self._served

    @contextmanager
    def admission(self, address: Address) -> Iterator[float]:
        """Wait until one more request may be made, and count it while the context lasts; yields its beginning.

        Raises `HostError` where the host was given up, or wants to be left alone for longer than anybody waits.
        Nobody may ask for admission to a host while having it: all could wait for each other.
        """
        started_at = self._enter(address)
        try:
            yield started_at
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify()

    def answered(self) -> None:
        """Note that an answer has come, whatever it is."""
        with self._changed:
            self._answered = True
            self._lost = None

    def give_up(self, error: HostError) -> None:
        """Let nobody ask for a while, since no connection could be made in all attempts of somebody.

        Not where it has answered before: then it is there, and others may fare better.
        """
        with self._changed:
            if not self._answered:
                self._lost = error
                self._lost_until = self._limits.clock() + self._limits.lost_for

    def went_well(self) -> None:
        """Count an answer that asks for no patience."""
        with self._changed:
            self._served += 1
            if self._allowed < self._limits.most:
                self._allowed = min(self._limits.most, self._allowed + _GROWTH)
                self._changed.notify()

    def slow_down(self, seconds: float, started_at: float) -> None:
        """Let nobody ask for so many seconds, because of the answer to a request made at ``started_at``."""
        with self._changed:
            now = self._limits.clock()
            self._not_before = max(self._not_before, now + seconds)
            # Of the requests that were under way together, one answer counts.
            if started_at > self._slowed:
                self._slowed = now
                self._allowed = max(1.0, self._allowed / 2)

    def _enter(self, address: Address) -> float:
        while True:
            with self._changed:
                while self._active + 1 > self._allowed:
                    self._changed.wait()
                now = self._limits.clock()
                if self._lost is not None and now < self._lost_until:
                    self._changed.notify()
                    raise self._lost.at(None)  # a copy, since many threads raise it
                wait = self._not_before - now
                if wait <= 0:
                    self._active += 1
                    return now
                self._changed.notify()  # the place that is not taken may be somebody's who need not wait any more
            if wait > self._limits.longest:
                readable = readable_retry_after(wait)
                raise HostError(
                    f"{address} is not asked: its host wants no requests for {readable} (Retry-After)",
                    cause=too_much(address),
                    hint="run again later, or with fewer connections at once",
                )
            self._limits.sleep(wait)


def too_much(address: Address) -> tuple[str, ...]:
    """Return the cause of all failures of a host that has had enough of us."""
    return address.host, "too many requests"


class Hosts:
    """The hosts of a run, each known from its first request on."""

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._known: dict[WebOrigin, Host] = {}
        self._lock = Lock()

    def of(self, origin: WebOrigin) -> Host:
        """Return the one object for a host."""
        with self._lock:
            if origin not in self._known:
                self._known[origin] = Host(self._limits)
            return self._known[origin]
