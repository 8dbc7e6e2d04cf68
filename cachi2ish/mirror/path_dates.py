"""The date in an address of the mirror: ``/2024-10-01/simple/``, ``/7d/simple/``, ``/live/simple/``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff, InvalidDateError, parse_duration

#: The segment for the index as it is now.
LIVE = "live"


class DateKind(StrEnum):
    """What stands in the place of the date."""

    FIXED = "fixed"  # a day or an instant
    COOL_DOWN = "cool-down"  # a duration back from now
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class PathDate:
    """A date out of an address.

    cutoff: None for `LIVE`. exempt: projects for which a cool-down does not hold. over: whether it is past.
    """

    kind: DateKind
    cutoff: Cutoff | None
    exempt: frozenset[NormalizedName] = frozenset()
    over: bool = True

    def of(self, project: NormalizedName) -> Cutoff | None:
        """Return what holds for ``project``; None for the newest that is known."""
        return None if project in self.exempt else self.cutoff


def parse_path_date(text: str, now: datetime, exempt: Collection[NormalizedName] = ()) -> PathDate:
    """Read a segment of a path, percent-decoded. now: aware; what a cool-down counts back from.

    Raises `InvalidDateError` for what is no date, no instant, no duration and not ``live``, and for what is later
    than the end of today, UTC: nobody knows what will be there then.
    """
    if text == LIVE:
        return PathDate(DateKind.LIVE, None)
    cutoff = Cutoff.parse(text, now)
    if _is_duration(text):
        return PathDate(DateKind.COOL_DOWN, cutoff, frozenset(exempt))
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if cutoff.instant > today + timedelta(days=1):
        raise InvalidDateError(
            f"{cutoff.declared} is still to come",
            f"the newest day that there is, in UTC, is {today.date()}; live is the index as it is",
        )
    return PathDate(DateKind.FIXED, cutoff, over=cutoff.instant <= now)


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True
