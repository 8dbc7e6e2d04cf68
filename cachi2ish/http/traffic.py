"""What goes over the network, by host: requests, connections, bytes, retries, and the time spent waiting."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from msgspec import Struct

from cachi2ish.http.interface import HostTraffic, Silence


class _Tally(Struct):
    """The counts of one host so far. open: answers that are awaited or not at their end.

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
    moved: float = 0.0


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

    def closed(self, host: str) -> None:
        """Hear that an answer has come to its end, or is no longer wanted."""
        with self._lock:
            self._tally(host).open -= 1

    def _tally(self, host: str) -> _Tally:
        tally = self._tallies.get(host)
        if tally is None:
            tally = self._tallies[host] = _Tally()
        return tally
