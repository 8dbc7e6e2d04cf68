"""What goes over the network, by host: requests, connections, bytes, retries, and the time spent waiting."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import Lock

from msgspec import Struct, field

from cachi2ish.http.interface import HostTraffic, Silence

#: Seconds over which speeds are taken.
_SLOT = 0.2

#: The line to a host has room where so few answers are left of the most that were ever awaited together, and
#: so small a part of the most arrives that ever did. An answer starves that gets so small a part of its share.
_FEW, _ROOM, _STARVING = 0.5, 0.5, 0.4

#: What has to be left of an answer, and how long it would go on, to be worth a connection of its own: that costs
#: three round trips, and some more until it is fast.
_WORTH_BYTES, _WORTH_SECONDS = 1_000_000, 1.0


class _Speeds(Struct):
    """How fast bytes arrive. last: in the last slot that is over. best: the most in any. In bytes a second."""

    last: float = inf
    best: float = 0.0
    slot: int = 0
    in_slot: int = 0

    def add(self, now: float, size: int) -> None:
        slot = int(now / _SLOT)
        if slot != self.slot:
            if slot == self.slot + 1:
                self.last = self.in_slot / _SLOT
                self.best = max(self.best, self.last)
            else:  # nobody got anything for a while, so that it is not the others that have ended
                self.last = inf
            self.slot, self.in_slot = slot, 0
        self.in_slot += size


class _Tally(Struct):
    """The counts of one host so far. open: answers that are awaited or not at their end. most_open: ever.

    moved: when something last arrived from it, or when the first of the answers that are open was asked for.
    """

    requests: int = 0
    connections: int = 0
    received: int = 0
    retries: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    answer_seconds: float = 0.0
    open: int = 0
    most_open: int = 0
    moved: float = 0.0
    speeds: _Speeds = field(default_factory=_Speeds)


class HttpTraffic:
    """Implements `Traffic`. Told by connections and sessions, from any thread; ``host`` is as in `HostTraffic`.

    clock: seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._lock = Lock()
        self._tallies: dict[str, _Tally] = {}
        self._received = 0

    @property
    def received(self) -> int:
        """Bytes from all hosts."""
        return self._received

    def hosts(self) -> tuple[HostTraffic, ...]:
        """Return what was counted, by name of the host."""
        with self._lock:
            return tuple(
                HostTraffic(
                    host=host,
                    requests=tally.requests,
                    connections=tally.connections,
                    received=tally.received,
                    retries=tally.retries,
                    unanswered=tally.unanswered,
                    seconds=tally.seconds,
                    answer_seconds=tally.answer_seconds,
                )
                for host, tally in sorted(self._tallies.items())
            )

    def silences(self, seconds: float) -> tuple[Silence, ...]:
        """Return the hosts that owe something and have sent nothing for so long, by name."""
        now = self.clock()
        with self._lock:
            return tuple(
                Silence(host=host, since=tally.moved)
                for host, tally in sorted(self._tallies.items())
                if tally.open and now - tally.moved >= seconds
            )

    def connected(self, host: str) -> None:
        """Count a connection."""
        with self._lock:
            self._tally(host).connections += 1

    def requested(self, host: str) -> None:
        """Count a request that was sent."""
        with self._lock:
            self._tally(host).requests += 1

    def retried(self, host: str) -> None:
        """Count an attempt that failed and is made again."""
        with self._lock:
            self._tally(host).retries += 1

    def unanswered(self, host: str) -> None:
        """Count an attempt that no answer has come to."""
        with self._lock:
            self._tally(host).unanswered += 1

    def opened(self, host: str) -> None:
        """Hear that an answer is awaited."""
        now = self.clock()
        with self._lock:
            tally = self._tally(host)
            if not tally.open:
                tally.moved = now
            tally.open += 1
            tally.most_open = max(tally.most_open, tally.open)

    def answered(self, host: str, seconds: float) -> None:
        """Count the time that passed from a request to the end of its answer's headers."""
        with self._lock:
            self._tally(host).answer_seconds += seconds

    def arrived(self, host: str, size: int, since: float) -> None:
        """Count bytes that were awaited since that instant of the clock."""
        now = self.clock()
        with self._lock:
            tally = self._tally(host)
            tally.seconds += now - since
            if size:
                tally.received += size
                tally.moved = now
                self._received += size
                tally.speeds.add(now, size)

    def starves(self, host: str, speed: float) -> bool:
        """Return whether an answer of so many bytes a second gets little of a line that has room.

        A host that lets somebody wait, or ask again, is spared: it is the host that is slow.
        """
        with self._lock:
            tally = self._tally(host)
            most_have_ended = tally.open <= _FEW * tally.most_open
            has_room = tally.speeds.last < _ROOM * tally.speeds.best
            starves = most_have_ended and has_room and speed * tally.open < _STARVING * tally.speeds.best
            return starves and not (tally.retries or tally.unanswered)

    def closed(self, host: str) -> None:
        """Hear that an answer has come to its end, or is no longer wanted."""
        with self._lock:
            self._tally(host).open -= 1

    def _tally(self, host: str) -> _Tally:
        tally = self._tallies.get(host)
        if tally is None:
            tally = self._tallies[host] = _Tally()
        return tally


class Flow:
    """How fast one answer of a host arrives, beside all others. For one thread."""

    def __init__(self, traffic: HttpTraffic, host: str) -> None:
        self._traffic = traffic
        self._host = host
        self._since = traffic.clock()
        self._received = 0

    def lags(self, more: int, left: int) -> bool:
        """Count bytes that have arrived; return whether others have left room that this answer does not fill.

        left: bytes to come. Where they are few or come soon, nothing would be won.
        """
        self._received += more
        now = self._traffic.clock()
        if now - self._since < _SLOT:
            return False
        speed = self._received / (now - self._since)
        self._since, self._received = now, 0
        return left >= max(_WORTH_BYTES, speed * _WORTH_SECONDS) and self._traffic.starves(self._host, speed)
