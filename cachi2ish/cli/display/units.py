"""Bytes and seconds as a person reads them."""

from __future__ import annotations

#: Sizes are told in powers of this (SI).
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
