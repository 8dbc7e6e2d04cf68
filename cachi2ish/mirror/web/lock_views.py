"""What two dates tell of the pins of a lock, and since when all of them are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from cachi2ish.mirror.pasts import PlainFiles, ProjectPast, spelling
from cachi2ish.mirror.records import DAY, Coverage, Instant
from cachi2ish.mirror.web.pin_views import PinChange, PinSince, SinceView
from cachi2ish.mirror.web.project_views import changes_between, status_of
from cachi2ish.mirror.web.version_rows import (
    gone_since,
    is_yanked,
    moment_text,
    newest_version,
    seconds_text,
)
from cachi2ish.mirror.web.views import ChangeRow, CopyLine

#: What is said of a project that the registry does not have, and of one at which nobody has looked.
_ABSENT = "the registry does not have it, as far as is known"
_UNKNOWN = "nothing is known of it here: mirror track follows it"

#: Names of files in one sentence.
_NAMED = 3


def pin_change(
    past: ProjectPast | None, project: str, version: str, before: Instant | None, after: Instant | None
) -> PinChange:
    """Return what changed for a pin.

    past: with the files of the version; None where it could not be had.
    """
    if past is None or not past.generations:
        return PinChange(project=project, version=version, verdict="unknown", notes=(_why_nothing(past),))
    first, second = newest_version(past, before), newest_version(past, after)
    known = spelling(past.tallies, version)
    notes = tuple(_notes(past, known, before, after))
    return PinChange(
        project=project,
        version=version,
        verdict="absent" if known is None else "changed" if notes else "same" if first == second else "newer",
        newest_before=first,
        newest_after=second,
        notes=notes,
    )


def _why_nothing(past: ProjectPast | None) -> str:
    if past is None:
        return "the registry did not answer"
    return _UNKNOWN if past.looked_at is None else _ABSENT


def observed_at(past: ProjectPast, *instants: Instant | None) -> bool:
    """Return whether somebody had looked at a project by each instant."""
    return all(one is None or past.at(one).coverage is Coverage.OBSERVED for one in instants)


def unobserved(project: str, version: str) -> PinChange:
    """Return what is said of a pin where only what was observed counts."""
    return PinChange(project=project, version=version, verdict="unknown", notes=("nobody had looked by then",))


def _notes(past: ProjectPast, known: str | None, before: Instant | None, after: Instant | None) -> Iterator[str]:
    (was, _), (status, _) = status_of(past.at(before)), status_of(past.at(after))
    if was != status:
        yield f"the project was {was}, and is {status}"
    if known is None:
        yield "this version was never there, as far as is known"
        return
    mine = replace(past, plain=PlainFiles(), files=tuple(one for one in past.files if one.version == known))
    changes = [one for one in changes_between(mine, before, after) if one.filename]
    for word, text in (("added", "came"), ("removed", "went")):
        names = [one.filename for one in changes if one.change == word]
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield f"{text}: {', '.join(names[:_NAMED])}{more}"
    yield from dict.fromkeys(_different(one) for one in changes if one.change not in {"added", "removed"})


def _different(change: ChangeRow) -> str:
    if change.change == "yanked":
        reason = f": {change.after}" if change.after not in {"yes", "no"} else ""
        return "no longer yanked" if change.after == "no" else f"yanked{reason}"
    if change.change == "digest":
        return f"{change.filename} has other bytes: {change.before}, then {change.after}"
    return f"{change.change}: {change.before}, then {change.after}"


def in_order(changes: Iterable[PinChange]) -> tuple[PinChange, ...]:
    """Return those first that a person should look at."""
    order = ("changed", "absent", "unknown", "newer", "same")
    return tuple(sorted(changes, key=lambda one: (order.index(one.verdict), one.project)))


class Presence(Struct, frozen=True):
    """When a pin was there. since: None for never; until: when it was first seen gone, None for not yet.

    known: whether anything is known of its project.
    """

    row: PinSince
    since: Instant | None = None
    until: Instant | None = None
    known: bool = True


def presence(
    past: ProjectPast | None, project: str, version: str, digests: Iterable[str], *, observed_only: bool = False
) -> Presence:
    """Return when a pin was there.

    past: with the files of the version. digests: sha256, any for none. observed_only: as of dates count at which
    somebody had looked at the project already.
    """
    if past is None or not past.generations:
        row = PinSince(project=project, version=version, note=_why_nothing(past))
        return Presence(row, known=past is not None and past.looked_at is not None)
    looked = {one.number: one.first_seen for one in past.generations if observed_only}
    known, wanted = spelling(past.tallies, version), frozenset(digests)
    files = [one for one in past.files if one.version == known]
    allowed = [one for one in files if not wanted or one.key in wanted]
    dated = [max(one.available, looked.get(one.generation, 0)) for one in allowed if one.available is not None]
    if not dated:
        text = "this version was never there, as far as is known"
        if files and not allowed:
            text = "none of its files has a digest that the lock allows"
        elif allowed:
            text = "the registry states no upload time"
        return Presence(PinSince(project=project, version=version, note=text))
    since, today = min(dated), past.at(None)
    now = [one for one in allowed if today.has(one)]
    until = None if now else gone_since(allowed, today)
    yanked = bool(now) and all(is_yanked(one.newest) for one in now)
    row = PinSince(
        project=project,
        version=version,
        since=moment_text(since),
        until=seconds_text(until),
        note="yanked by now: installers take it where it is pinned" if yanked else "",
    )
    return Presence(row, since, until)


def since_view(
    registry: str,
    found: Sequence[Presence],
    others: tuple[str, ...],
    query: str,
    lines_for: Callable[[str], tuple[CopyLine, ...]],
) -> SinceView:
    """Return since when all pins are there. lines_for: the lines to copy for a date."""
    unknown = tuple(one.row.project for one in found if not one.known)
    missing = tuple(one.row.project for one in found if one.since is None and one.known)
    first = None if missing or unknown else max(one.since for one in found if one.since is not None) + 1
    end = min((one.until for one in found if one.until is not None), default=None)
    gone = first is not None and end is not None and end < first
    if gone:
        missing = tuple(one.row.project for one in found if one.until is not None and one.until < (first or 0))
        first = None
    day = None if first is None else _end_of_day(first)
    date = None
    if first is not None and day is not None:
        date = moment_text(day - 1)[:10] if end is None or day <= end else moment_text(first)
    latest = sorted(found, key=lambda one: (one.since is not None, -(one.since or 0), one.row.project))
    return SinceView(
        registry=registry,
        since=None if first is None else moment_text(first),
        day=None if date is None or "T" in date else date,
        deciding=tuple(one.row.project for one in found if first is not None and one.since == first - 1),
        missing=missing,
        unknown=unknown,
        lines=() if date is None else lines_for(date),
        pins=tuple(one.row for one in latest),
        others=others,
        query=query,
    )


def _end_of_day(instant: Instant) -> Instant:
    """Return the end of the first day whose end is not before an instant."""
    return -(-instant // DAY) * DAY
