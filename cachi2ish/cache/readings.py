"""Of which versions the catalogue holds all that a page said, and as of when.

A page is often read for some versions only, now for these and now for those. A reading is a version and an
instant, in microseconds since 1970 (UTC): then, or soon after, the index was asked, and every file of the version
that it listed is kept. `WHOLE` stands for all versions.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

#: In the place of a version: all of them.
WHOLE = ""

#: From versions, as requirements spell them, to instants.
Readings = Mapping[str, int]


def parse(text: str) -> Readings:
    """Return what `dump` has written; raises `ValueError` for anything else."""
    stated = json.loads(text)
    if not isinstance(stated, dict) or not all(isinstance(instant, int) for instant in stated.values()):
        msg = f"{text[:40]!r} are no readings"
        raise ValueError(msg)
    return stated


def dump(readings: Readings) -> str:
    """Return the readings as text."""
    return json.dumps(dict(readings))


def read_anew(readings: Readings, versions: Collection[str], instant: int | None) -> Readings:
    """Return the readings after the page was read again for ``versions`` (empty for all).

    instant: None where nothing can be said of them: not all files could be kept, or nobody knows since when.
    """
    if not versions:
        return {} if instant is None else {WHOLE: instant}
    if instant is None:
        # What was said of all versions is no longer true of these.
        return {version: one for version, one in readings.items() if version not in {*versions, WHOLE}}
    return {**readings, **dict.fromkeys(versions, instant)}


def known_since(readings: Readings, versions: Collection[str]) -> Readings | None:
    """Return the last reading of each of ``versions`` (empty for all: of `WHOLE`).

    None where one of them was never read whole.
    """
    wanted = versions or (WHOLE,)
    known = {version: instant for version in wanted if (instant := _latest(readings, version)) is not None}
    return known if len(known) == len(set(wanted)) else None


def _latest(readings: Readings, version: str) -> int | None:
    instants = [readings[one] for one in (version, WHOLE) if one in readings]
    return max(instants, default=None)
