"""What a date has of each version and each file, and what became of them since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from msgspec.structs import replace as changed_to
from packaging.version import Version

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.distributions import version_order
from cachi2ish.mirror.pasts import Moment, PastFile, ProjectPast, SeenState, VersionTally
from cachi2ish.mirror.records import Coverage, Instant
from cachi2ish.mirror.web.views import FileRow, Standing, VersionRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: A page asks twice for each version, and many pages have the same ones.
_version_order = lru_cache(20_000)(version_order)

#: Of a key that is no sha256 (`HistoricFile.key`).
_NO_SHA256 = "u"


def moment_text(instant: Instant) -> str:
    """Return an instant as RFC 3339 writes it."""
    return rfc3339(_EPOCH + timedelta(microseconds=instant))


def seconds_text(instant: Instant | None) -> str | None:
    """Return when something was seen, in whole seconds; None for None."""
    return None if instant is None else moment_text(instant - instant % 1_000_000)


def version_rows(past: ProjectPast, before: Instant | None, place: int = 0) -> list[VersionRow]:
    """Return a row for each version: the newest first, and after all of these what came later.

    place: of ``before`` among the instants of the tallies of ``past``, the last of which is None.
    """
    then, now = past.at(before), past.at(None)
    changed: defaultdict[tuple[int, str], list[PastFile]] = defaultdict(list)
    for file in past.files:
        if file.changed:
            changed[file.generation, file.version].append(file)
    rows = [
        _version_row(tally, place, then, now, changed.get((tally.generation, tally.version), ()))
        for tally in past.tallies
    ]
    rows.sort(key=_order, reverse=True)
    newest = newest_of(rows)
    return [changed_to(row, newest=True) if row is newest else row for row in rows]


def _order(row: VersionRow) -> tuple[bool, tuple[bool, Version], str]:
    return row.standing not in {Standing.LATER, Standing.UNDATED}, _version_order(row.version), row.uploaded or ""


def newest_of(rows: Iterable[VersionRow]) -> VersionRow | None:
    """Return what an installer would take, of rows with the newest first: no pre-release where it need not."""
    there = [row for row in rows if row.standing in _TAKEN]
    return next((row for row in there if not row.prerelease), there[0] if there else None)


#: What was there then, and not yanked.
_TAKEN = frozenset({Standing.THERE, Standing.YANKED_SINCE, Standing.GONE_SINCE})


def _version_row(
    tally: VersionTally, place: int, then: Moment, now: Moment, changed: Sequence[PastFile]
) -> VersionRow:
    count_then = _count(tally, place, then, changed)
    count_now = _count(tally, -1, now, changed)
    standing, since = _standing(tally, then, now, changed, count_then, count_now)
    available = tally.before[place] if count_then else 0
    return VersionRow(
        version=tally.version,
        standing=standing,
        uploaded=None if tally.first is None else moment_text(tally.first),
        files=count_then,
        more=max(0, tally.files - available) if count_then else 0,
        since=seconds_text(since),
        reason=next((one.newest.yanked for one in changed if one.newest.yanked), ""),
        prerelease=_is_prerelease(tally.version),
    )


def _is_prerelease(version: str) -> bool:
    proper, order = _version_order(version)
    return proper and order.is_prerelease


def _count(tally: VersionTally, place: int, moment: Moment, changed: Iterable[PastFile]) -> int:
    """Return how many files of a version were there."""
    chosen = moment.generation
    if chosen is None or not moment.exists or chosen.number != tally.generation:
        return 0
    plain = tally.before[place]
    for file in changed:
        dated = moment.before is None or (file.available is not None and file.available < moment.before)
        plain -= dated
        plain += moment.has(file)
    return plain


def _standing(
    tally: VersionTally, then: Moment, now: Moment, changed: Sequence[PastFile], count_then: int, count_now: int
) -> tuple[Standing, Instant | None]:
    if not count_then:
        return _absent(tally.first, then), None
    if not count_now:
        return Standing.GONE_SINCE, gone_since(changed, now)
    if _yanked(changed, then) == count_then:
        return Standing.YANKED, None
    if _yanked(changed, now) == count_now:
        return Standing.YANKED_SINCE, _turned(changed, is_yanked)
    return Standing.THERE, None


def _absent(available: Instant | None, then: Moment) -> Standing:
    """Return why something is not there."""
    if then.before is None:
        return Standing.GONE
    if available is None:
        return Standing.UNDATED
    return Standing.LATER if available >= then.before else Standing.GONE


def _yanked(changed: Iterable[PastFile], moment: Moment) -> int:
    return sum(is_yanked(one.at(moment.before)) for one in changed if moment.has(one))


def is_yanked(state: SeenState) -> bool:
    """Return whether a file was yanked."""
    return state.yanked is not None


def _is_gone(state: SeenState) -> bool:
    return not state.listed


def _turned(changed: Iterable[PastFile], is_so: Callable[[SeenState], bool]) -> Instant | None:
    """Return when a look first saw that the last of these files is so."""
    found = [since for one in changed if (since := turned(one, is_so)) is not None]
    return max(found, default=None)


def turned(file: PastFile, is_so: Callable[[SeenState], bool]) -> Instant | None:
    """Return when a look first saw that a file is what it still is; None where it is not."""
    since = None
    for state in reversed(file.states):
        if not is_so(state):
            break
        since = state.seen_from
    return since


def gone_since(changed: Iterable[PastFile], now: Moment) -> Instant | None:
    """Return since when these files are not there, as far as looks have shown it."""
    if not now.exists and now.generation is not None:
        return now.generation.states[-1][0]
    return _turned(changed, _is_gone)


def file_row(file: PastFile, then: Moment, now: Moment) -> FileRow:
    """Return a row for a file."""
    standing, since = _standing_of_file(file, then, now)
    state = file.at(then.before) if then.has(file) else file.newest
    seen = then.before is None or file.first_seen < then.before
    is_sha256 = not file.key.startswith(_NO_SHA256)
    return FileRow(
        filename=file.filename,
        standing=standing,
        uploaded=None if file.available is None else moment_text(file.available),
        first_seen=seconds_text(file.first_seen) or "",
        known=Coverage.OBSERVED if seen else Coverage.COMPUTED,
        size=state.size,
        requires_python=state.requires_python,
        sha256=file.key if is_sha256 else None,
        path=f"files/{file.key}/{file.filename}",
        since=seconds_text(since),
        reason=file.newest.yanked or state.yanked or "",
    )


def _standing_of_file(file: PastFile, then: Moment, now: Moment) -> tuple[Standing, Instant | None]:
    if not then.has(file):
        return _absent(file.available, then), None
    if not now.has(file):
        return Standing.GONE_SINCE, gone_since([file], now)
    if is_yanked(file.at(then.before)):
        return Standing.YANKED, None
    if is_yanked(file.newest):
        return Standing.YANKED_SINCE, turned(file, is_yanked)
    return Standing.THERE, None
