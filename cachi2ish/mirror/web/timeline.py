"""The versions of a project on a line of time, drawn as SVG. Coordinates are thousandths of its width."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

from msgspec import Struct

from cachi2ish.mirror.pasts import VersionTally
from cachi2ish.mirror.records import DAY, SECOND, Instant
from cachi2ish.mirror.web.views import Standing

#: The width, and the height of the lines.
WIDTH, HEIGHT = 1000, 40

#: Years that have a label: more would touch each other on a small screen.
_MOST_YEARS = 5

#: Which kind of a line a version is, from the last one that is drawn to the first.
_KINDS = {
    Standing.THERE: "there",
    Standing.YANKED: "yanked",
    Standing.YANKED_SINCE: "yanked",
    Standing.GONE: "gone",
    Standing.GONE_SINCE: "gone",
    Standing.LATER: "later",
}


class Timeline(Struct, frozen=True, kw_only=True):
    """What is drawn. begin, end: the days of the oldest version, and of the end of the line.

    paths: the lines of each kind, as the data of a path. years: places and labels.

    marker: the place of the date; seen: since where somebody has looked. Each is between 0 and `WIDTH`.
    """

    begin: str
    end: str
    paths: tuple[tuple[str, str], ...]
    years: tuple[tuple[float, int], ...]
    marker: int | None
    seen: int | None


def draw(
    versions: Iterable[tuple[VersionTally, Standing, int]],
    before: Instant | None,
    first_seen: Instant | None,
    now: Instant,
) -> Timeline | None:
    """Return the timeline of versions by when they came; None where there is none that is dated.

    versions: with how each stands, see `VersionsAt`.
    """
    dated: dict[Standing, list[Instant]] = {}
    for standing, group in groupby(versions, key=itemgetter(1)):
        if instants := [tally.first for tally, _, _ in group if tally.first is not None]:
            dated.setdefault(standing, []).extend(instants)
    if not dated:
        return None
    begin, end = min(map(min, dated.values())), max(now, *map(max, dated.values()))
    oldest = _day(begin).date()
    begin -= max(DAY, (end - begin) // 50)
    length = max(1, end - begin)

    def place(at: Instant) -> int:
        return max(0, min(WIDTH, (at - begin) * WIDTH // length))

    places: dict[str, set[int]] = {}
    for standing, of_kind in dated.items():
        kind = _KINDS.get(standing)
        if kind is not None:
            # Not place(): these are many, and none is beside the line.
            places.setdefault(kind, set()).update({(at - begin) * WIDTH // length for at in of_kind})
    first, last = _day(begin).year + 1, _day(end).year
    step = max(1, -(-(last - first + 1) // _MOST_YEARS))
    return Timeline(
        begin=oldest.isoformat(),
        end=_day(end).date().isoformat(),
        paths=tuple(
            (kind, "".join(f"M{x} {_TOPS[kind]}V{HEIGHT}" for x in sorted(places[kind])))
            for kind in ("later", "there", "yanked", "gone")
            if kind in places
        ),
        years=tuple((place(_of_year(year)) / 10, year) for year in range(first, last + 1, step)),
        marker=None if before is None else place(before),
        seen=None if first_seen is None else place(first_seen),
    )


#: Heights tell kinds apart where colours do not.
_TOPS = {"later": 22, "there": 2, "yanked": 10, "gone": 28}


def _day(at: Instant) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC)


def _of_year(year: int) -> Instant:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND
