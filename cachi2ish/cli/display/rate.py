"""How fast, and how long still: numbers that follow what happens without jumping."""

from __future__ import annotations

import math

#: Seconds after which an observation counts for a third of what it did.
_MEMORY = 5.0

#: Seconds of observation before a time left is more than a guess.
_SETTLED = 4.0

#: A new estimate of the end that is off by less than this share, or these seconds, does not change the old one.
_TOLERATED = 0.2
_TOLERATED_SECONDS = 2.0


class Speed:
    """Bytes per second, as a mean in which the past counts less and less."""

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None
        self._sum = self._weight = 0.0
        self._observed = 0.0

    def observe(self, now: float, total: int) -> None:
        """Hear how many bytes have arrived in all by ``now``. Nothing before the first of them counts."""
        if self._last is None:
            if total:
                self._last = now, total
            return
        elapsed, size = now - self._last[0], total - self._last[1]
        if elapsed <= 0:
            return
        kept = math.exp(-elapsed / _MEMORY)
        # Each second has the weight of its age, so that the first observations are no less exact than the later.
        self._sum = self._sum * kept + size / elapsed * (1 - kept)
        self._weight = self._weight * kept + (1 - kept)
        self._observed += elapsed
        self._last = now, total

    @property
    def value(self) -> float | None:
        """Bytes per second; None before two observations."""
        return self._sum / self._weight if self._weight else None

    @property
    def settled(self) -> bool:
        """Whether it was observed for long enough to count on it."""
        return self._observed >= _SETTLED


class TimeLeft:
    """Counts down to an end, which moves only when it was clearly wrong."""

    def __init__(self) -> None:
        self._end: float | None = None

    def estimate(self, now: float, remaining: int, speed: Speed) -> float | None:
        """Return the seconds until ``remaining`` bytes have arrived; None while they cannot be known."""
        rate = speed.value
        if not speed.settled or not rate or rate < 1 or remaining <= 0:
            self._end = None
            return None
        seconds = remaining / rate
        tolerated = max(_TOLERATED_SECONDS, _TOLERATED * seconds)
        if self._end is None or abs(now + seconds - self._end) > tolerated:
            self._end = now + seconds
        return max(0.0, self._end - now)
