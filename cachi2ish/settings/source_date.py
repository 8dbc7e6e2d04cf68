"""``SOURCE_DATE_EPOCH``: the time that reproducible documents may carry, by the specification of that name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cachi2ish.errors import InputError

_NAME = "SOURCE_DATE_EPOCH"


def source_date(environ: Mapping[str, str]) -> datetime | None:
    """Return the instant that ``SOURCE_DATE_EPOCH`` names, None where it is not set or empty.

    Raises `InputError` where it is not a number of seconds since 1970.
    """
    text = environ.get(_NAME, "").strip()
    if not text:
        return None
    try:
        seconds = int(text) if text.isascii() and text.isdecimal() else -1
        instant = datetime.fromtimestamp(seconds, UTC) if seconds >= 0 else None
    except (ValueError, OverflowError, OSError):
        instant = None
    if instant is None:
        raise InputError(
            f"{_NAME} is {text!r}, which is not a number of seconds since 1970",
            hint="set it to the output of: git log -1 --format=%ct",
        )
    return instant
