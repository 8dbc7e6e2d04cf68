"""Durations that somebody else demands, in a message."""

from __future__ import annotations

#: Seconds. Nobody waits for so long, and what is beyond may be any number at all, infinity included.
_DAY = 24 * 60 * 60


def readable_demand(seconds: float) -> str:
    """Return a time to wait as it may stand in a sentence: ``90 seconds``, or ``more than a day``."""
    return "more than a day" if seconds > _DAY else f"{seconds:.0f} seconds"
