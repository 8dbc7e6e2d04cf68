"""A project, a version of it, and how it differs between two dates: from the history to a view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from cachi2ish.core.distributions import same_version
from cachi2ish.mirror.pasts import Moment, PastFile, ProjectPast
from cachi2ish.mirror.records import Coverage, Instant
from cachi2ish.mirror.web.version_rows import file_row, moment_text, newest_of, seconds_text
from cachi2ish.mirror.web.views import (
    ChangeRow,
    CopyLine,
    DiffView,
    FileRow,
    ProjectCounts,
    ProjectEvent,
    ProjectView,
    Standing,
    VersionRow,
    VersionView,
)

#: Rows on one page, so that it stays below 50 kB.
ROWS = 60

_Row = TypeVar("_Row")


class Shown(Struct, frozen=True, kw_only=True):
    """What was asked for. date: as it stands in the address; before: its instant, None for live. page: from 1."""

    registry: str
    date: str
    before: Instant | None
    page: int = 1
    stale: bool = False


def paged(rows: Sequence[_Row], page: int) -> tuple[tuple[_Row, ...], int]:
    """Return the rows of a page, and how many pages there are."""
    start = (page - 1) * ROWS
    return tuple(rows[start : start + ROWS]), max(1, -(-len(rows) // ROWS))


def project_view(
    past: ProjectPast, rows: Sequence[VersionRow], shown: Shown, lines: tuple[CopyLine, ...]
) -> ProjectView:
    """Return the page of a project. rows: of its versions, see `version_rows`."""
    then = past.at(shown.before)
    status, reason = status_of(then)
    counts = Counter(row.standing for row in rows)
    newest = newest_of(rows)
    some, pages = paged(rows, shown.page)
    first = past.generations[0].first_seen if past.generations else None
    return ProjectView(
        registry=shown.registry,
        project=past.name,
        date=shown.date,
        instant=None if shown.before is None else moment_text(shown.before),
        status=status,
        status_reason=reason,
        coverage=then.coverage,
        closed=past.is_closed(shown.before),
        stale=shown.stale,
        looked_at=seconds_text(past.looked_at),
        first_looked_at=seconds_text(first),
        newest=None if newest is None else newest.version,
        counts=ProjectCounts(
            files=sum(row.files for row in rows),
            there=counts[Standing.THERE],
            yanked=counts[Standing.YANKED],
            yanked_since=counts[Standing.YANKED_SINCE],
            gone=counts[Standing.GONE],
            gone_since=counts[Standing.GONE_SINCE],
            later=counts[Standing.LATER],
            undated=counts[Standing.UNDATED],
        ),
        events=tuple(_events(past)),
        lines=lines,
        versions=some,
        page=shown.page,
        pages=pages,
    )


def status_of(then: Moment) -> tuple[str, str]:
    """Return the status of a project as of an instant, as a word, and the reason that the index gives."""
    if then.generation is None:
        return "absent", ""
    if not then.exists:
        return "deleted", ""
    if then.quarantined:
        return "quarantined", then.status_reason
    if then.untimed:
        return "untimed", ""
    if then.too_early:
        return "not-yet", ""
    return then.status, then.status_reason


def _events(past: ProjectPast) -> Iterator[ProjectEvent]:
    for generation in past.generations:
        if generation.number > 1:
            yield ProjectEvent(moment_text(generation.first_seen), "was registered again, with other files")
        existed, status = True, "active"
        for at, exists, now, reason in generation.states:
            when = seconds_text(at) or ""
            if existed and not exists:
                yield ProjectEvent(when, "was gone from the registry")
            elif exists and not existed:
                yield ProjectEvent(when, "was there again")
            if exists and now != status:
                yield ProjectEvent(when, f"was {now}" + (f": {reason}" if reason else ""))
            existed, status = exists, now if exists else status


def version_view(past: ProjectPast, version: str, shown: Shown) -> VersionView | None:
    """Return the files of a version, of which ``past`` has all; None where there is no such version."""
    then, now = past.at(shown.before), past.at(None)
    files = [one for one in past.files if one.version == version]
    if not files:
        return None
    rows = sorted((file_row(one, then, now) for one in files), key=_order_of_file)
    some, pages = paged(rows, shown.page)
    return VersionView(
        registry=shown.registry,
        project=past.name,
        version=version,
        date=shown.date,
        instant=None if shown.before is None else moment_text(shown.before),
        coverage=then.coverage,
        closed=past.is_closed(shown.before),
        stale=shown.stale,
        looked_at=seconds_text(past.looked_at),
        files=some,
        page=shown.page,
        pages=pages,
    )


def _order_of_file(row: FileRow) -> tuple[bool, str]:
    return row.standing in {Standing.LATER, Standing.UNDATED}, row.filename


def spelled(past: ProjectPast, version: str) -> str | None:
    """Return a version as the index spells it; None where it has no such version."""
    names = {tally.version for tally in past.tallies}
    if version in names:
        return version
    return next((name for name in names if same_version(name, version)), None)


def diff_view(
    past: ProjectPast, rows: tuple[Sequence[VersionRow], Sequence[VersionRow]], before: Shown, after: Shown
) -> DiffView:
    """Return how a project differs. past: with the files between the dates. rows: of the versions at each."""
    changes = list(changes_between(past, before.before, after.before))
    kinds = Counter(one.change for one in changes if one.filename)
    some, pages = paged(changes, after.page)
    then, later = past.at(before.before), past.at(after.before)
    newest = [newest_of(some_rows) for some_rows in rows]
    observed = then.coverage is later.coverage is Coverage.OBSERVED
    return DiffView(
        registry=after.registry,
        project=past.name,
        before=before.date,
        after=after.date,
        coverage=Coverage.OBSERVED if observed else Coverage.COMPUTED,
        closed=past.is_closed(before.before) and past.is_closed(after.before),
        stale=after.stale,
        looked_at=seconds_text(past.looked_at),
        newest_before=None if newest[0] is None else newest[0].version,
        newest_after=None if newest[1] is None else newest[1].version,
        added=kinds["added"],
        removed=kinds["removed"],
        changed=sum(kinds.values()) - kinds["added"] - kinds["removed"],
        changes=some,
        page=after.page,
        pages=pages,
    )


def takes_all_files(past: ProjectPast, before: Instant | None, after: Instant | None) -> bool:
    """Return whether all files came or went at once: with the project, or with another one of its name."""
    then, later = past.at(before), past.at(after)
    return then.generation != later.generation or status_of(then)[0] != status_of(later)[0]


def changes_between(past: ProjectPast, before: Instant | None, after: Instant | None) -> Iterator[ChangeRow]:
    """Yield what `cachi2ish.mirror.history.differences` does: of the project as a whole first, then by file name.

    past: has all files that came, went or changed between the two.
    """
    then, later = past.at(before), past.at(after)
    (was, _), (status, _) = status_of(then), status_of(later)
    if was != status:
        yield ChangeRow("", "status", was, status)
    first = {} if was in _NO_FILES else {one.filename: one for one in past.files if then.has(one)}
    second = {} if status in _NO_FILES else {one.filename: one for one in past.files if later.has(one)}
    for name in sorted(first.keys() | second.keys()):
        if name not in first:
            yield ChangeRow(name, "added")
        elif name not in second:
            yield ChangeRow(name, "removed")
        else:
            yield from _differences(first[name], second[name], before, after)


#: Statuses with which no page has files.
_NO_FILES = frozenset({"absent", "deleted", "quarantined", "not-yet", "untimed"})


def _differences(
    file: PastFile, other: PastFile, before: Instant | None, after: Instant | None
) -> Iterator[ChangeRow]:
    was, now = _facts(file, before), _facts(other, after)
    for what, value in was.items():
        if value != now[what]:
            yield ChangeRow(file.filename, what, value, now[what])


def _facts(file: PastFile, before: Instant | None) -> dict[str, str]:
    state = file.at(before)
    return {
        "digest": file.key if file.key.startswith("u") else f"sha256:{file.key}",
        "yanked": "no" if state.yanked is None else state.yanked or "yes",
        "requires-python": state.requires_python or "any",
        "upload-time": "none" if state.upload_time is None else moment_text(state.upload_time),
    }
