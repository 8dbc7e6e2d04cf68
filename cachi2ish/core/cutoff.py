"""The pinned instant: which files were already there.

Tools disagree on what a date means: the start of the day or its end, local time or UTC, "before" or "not after".
Here a date means the end of that day in UTC, and a file is there if its upload time is strictly before the
instant. What is compared are instants, never their texts: an index leaves a fraction of zero out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from cachi2ish.core.messages import excerpt
from cachi2ish.core.structs import compared_without

_DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_INSTANT = (
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_COUNT = r"([0-9]{1,7})"  # more is no duration, and beyond what `timedelta` can hold
_WORDS = rf"{_COUNT}\s*(minute|hour|day|week)s?|{_COUNT}\s*([hdw])"
_ISO_8601 = (
    rf"P(?=[0-9T])(?:{_COUNT}Y)?(?:{_COUNT}M)?(?:{_COUNT}W)?(?:{_COUNT}D)?"
    rf"(?:T(?=[0-9])(?:{_COUNT}H)?(?:{_COUNT}M)?(?:{_COUNT}S)?)?"
)
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "h": timedelta(hours=1),
    "day": timedelta(days=1),
    "d": timedelta(days=1),
    "week": timedelta(weeks=1),
    "w": timedelta(weeks=1),
}
_DAY, _HOUR, _MINUTE, _SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)

#: RFC 3339, section 5.7.
_LEAP_SECOND = 60

#: No index is that old; it also keeps every reckoning inside of what `datetime` can hold.
_LONGEST = timedelta(days=36_500)

_FORMS = (
    "write a date such as 2024-10-01 (the end of that day, UTC), an instant such as 2024-10-01T12:00:00Z,"
    " or a duration back from now such as '7 days', '36 hours' or P7D"
)


_DURATIONS = "write a duration such as '30 days', '36 hours' or P30D"


class InvalidDateError(ValueError):
    """The text names no instant. ``str()``: the problem, as a sentence; hint: what to write instead."""

    def __init__(self, problem: str, hint: str = _FORMS) -> None:
        super().__init__(problem)
        self.hint = hint


class Cutoff(Struct, frozen=True, eq=False):
    """An instant before which a file must have been uploaded.

    instant: aware, UTC, whole microseconds. declared: as the user wrote it; not compared.
    """

    instant: datetime
    declared: str = ""

    __eq__, __hash__ = compared_without("declared")

    @classmethod
    def parse(cls, text: str, now: datetime) -> Cutoff:
        """Read what a user wrote.

        - A date (``2024-10-01``): the end of that day, UTC.
        - An instant (RFC 3339, 5.6): with its offset; a fraction of any length; a leap second is the
          beginning of the next day.
        - A duration back from ``now`` (aware): ``7 days``, ``1 week``, ``36 hours``, or as in ISO 8601
          ``P7D``, ``PT12H``. Months and years are refused, since their length varies. ``now`` counts in whole
          seconds.

        Raises `InvalidDateError`.
        """
        declared = text.strip()
        instant = _end_of_day(declared) or _instant(declared) or _before(declared, now)
        if instant is None:
            raise InvalidDateError(f"{_shown(declared)} is not a date, an instant or a duration")
        return cls(instant, declared)

    def admits(self, upload_time: datetime) -> bool:
        """Return whether a file uploaded then (aware) was there."""
        return upload_time < self.instant

    def __str__(self) -> str:
        return rfc3339(self.instant)


def rfc3339(instant: datetime) -> str:
    """Return an aware instant as text in UTC (RFC 3339), without a fraction where that is zero."""
    in_utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return in_utc.isoformat().replace("+00:00", "Z")


def _end_of_day(text: str) -> datetime | None:
    found = re.fullmatch(_DATE, text)
    if found is None:
        return None
    return _moved(_at(text, *map(int, found.groups())), _DAY, text)


def _instant(text: str) -> datetime | None:
    found = re.fullmatch(_INSTANT, text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[number]) for number in range(1, 7))
    if found[8] is None:
        raise InvalidDateError(
            f"{_shown(text)} has no offset from UTC, so it is another instant in each time zone",
            "append Z for UTC, or an offset such as +02:00; a date alone is the end of that day, UTC",
        )
    leap = second == _LEAP_SECOND
    local = _at(text, year, month, day, hour, minute, second - leap)
    utc = _moved(local, -_offset(found[8]), text)
    if not leap:
        return _moved(utc, timedelta(microseconds=_microseconds(found[7] or "")), text)
    if (utc.hour, utc.minute) != (23, 59):
        raise InvalidDateError(
            f"{_shown(text)} has a second 60 where there can be no leap second",
            "a leap second ends a day in UTC (23:59:60Z); write the beginning of the next minute",
        )
    # No index stamps a file with a leap second: whatever is before its end is before the next day.
    return _moved(utc, _SECOND, text)


def _microseconds(fraction: str) -> int:
    # Rounded up: then "before the instant" is the same for every upload time in whole microseconds.
    return int(fraction[:6].ljust(6, "0")) + bool(fraction[6:].strip("0"))


def _offset(text: str) -> timedelta:
    if text in "Zz":
        return timedelta()
    size = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return -size if text[0] == "-" else size


def parse_duration(text: str) -> timedelta:
    """Read a duration as in `Cutoff.parse`, at most a hundred years. Raises `InvalidDateError`."""
    declared = text.strip()
    duration = _duration(declared)
    if duration is None:
        raise InvalidDateError(f"{_shown(declared)} is not a duration", _DURATIONS)
    _check_length(duration, declared)
    return duration


def _check_length(duration: timedelta, text: str) -> None:
    if duration > _LONGEST:
        raise InvalidDateError(f"{_shown(text)} reaches back more than a hundred years")


def _before(text: str, now: datetime) -> datetime | None:
    duration = _duration(text)
    if duration is None:
        if text[:1] in "+-" and _duration(text[1:].strip()) is not None:
            raise InvalidDateError(f"{_shown(text)} has a sign", "leave it out: a duration counts back from now")
        return None
    _check_length(duration, text)
    return now.astimezone(UTC).replace(microsecond=0) - duration


def _duration(text: str) -> timedelta | None:
    words = re.fullmatch(_WORDS, text, re.IGNORECASE)
    if words:
        return int(words[1] or words[3]) * _UNITS[(words[2] or words[4]).lower()]
    iso = re.fullmatch(_ISO_8601, text, re.IGNORECASE)
    if iso is None:
        return None
    if iso[1] or iso[2]:
        raise InvalidDateError(
            f"{_shown(text)} counts years or months, whose length varies",
            "count days or weeks: P30D, P365D, P4W",
        )
    weeks, days, hours, minutes, seconds = (int(iso[number] or 0) for number in range(3, 8))
    return (7 * weeks + days) * _DAY + hours * _HOUR + minutes * _MINUTE + seconds * _SECOND


def _at(text: str, year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    try:
        midnight = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        raise InvalidDateError(f"{_shown(text)} names a day that is not in the calendar") from None
    try:
        return midnight.replace(hour=hour, minute=minute, second=second)
    except ValueError:
        raise InvalidDateError(f"{_shown(text)} names a time that is not on the clock") from None


def _moved(instant: datetime, by: timedelta, text: str) -> datetime:
    try:
        return instant + by
    except OverflowError:
        raise InvalidDateError(f"{_shown(text)} ends outside of the years 1 to 9999") from None


def _shown(text: str) -> str:
    return repr(excerpt(text))
