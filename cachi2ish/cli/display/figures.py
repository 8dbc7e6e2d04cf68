"""Sizes, durations, speeds and the time left, as figures that a person reads."""

from __future__ import annotations

import math

#: Sizes are shown in powers of this (SI).
_KILO = 1000

_MINUTE = 60
_HOUR = 60 * _MINUTE

#: From so many seconds on, single ones are of no interest; and from so many on, tens of them.
_TENS = 2 * _MINUTE
_MINUTES = 10 * _MINUTE


def readable_size(size: float) -> str:
    """Return a number of bytes for people, in powers of 1000 (SI)."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        digits = 0 if unit == "B" else 1
        if round(abs(amount), digits) < _KILO:
            return f"{amount:.{digits}f} {unit}"
        amount /= _KILO
    return f"{amount:.2f} GB"


def readable_seconds(seconds: float) -> str:
    """Return a duration for people: ``0.4 s``, ``12.3 s``, ``3 min 20 s``, ``2 h 05 min``."""
    return f"{seconds:.1f} s" if round(seconds, 1) < _MINUTE else _long(round(seconds))


def readable_wait(seconds: float) -> str:
    """Return a time still to come: no more exact than it can be known."""
    if seconds < _TENS:
        return _long(max(1, round(seconds)))
    if seconds < _MINUTES:
        return _long(round(seconds, -1))
    return _long(round(seconds / _MINUTE) * _MINUTE)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def _long(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), _MINUTE)
    if not minutes:
        return f"{rest} s"
    if seconds >= _HOUR:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


#: Seconds after which an observation counts for a third of what it did.
_MEMORY = 5.0

#: Seconds of observation before a time left is more than a guess.
_CALM = 4.0

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
        """Record how many bytes have arrived in all by ``now``. Nothing before the first of them counts."""
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
    def calm(self) -> bool:
        """Whether it was observed for long enough to count on it."""
        return self._observed >= _CALM


class TimeLeft:
    """Counts down to an end, which moves only when it was clearly wrong."""

    def __init__(self) -> None:
        self._end: float | None = None

    def estimate(self, now: float, remaining: int, speed: Speed) -> float | None:
        """Return the seconds until ``remaining`` bytes have arrived; None while they cannot be known."""
        rate = speed.value
        if not speed.calm or not rate or rate < 1 or remaining <= 0:
            self._end = None
            return None
        seconds = remaining / rate
        tolerated = max(_TOLERATED_SECONDS, _TOLERATED * seconds)
        if self._end is None or abs(now + seconds - self._end) > tolerated:
            self._end = now + seconds
        return max(0.0, self._end - now)
