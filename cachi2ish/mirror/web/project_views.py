"""A project, a version of it, and how it differs between two dates: from the history to a view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Sized
from functools import partial
from typing import TypeVar

from msgspec import Struct

from cachi2ish.mirror.pasts import Moment, PastFile, ProjectPast, compare
from cachi2ish.mirror.records import Coverage, Instant
from cachi2ish.mirror.web.version_rows import (
    VersionsAt,
    file_row,
    is_later,
    moment_text,
    newest_version,
    seconds_text,
)
from cachi2ish.mirror.web.views import (
    ChangeRow,
    CopyLine,
    DiffView,
    ProjectCounts,
    ProjectEvent,
    ProjectView,
    Standing,
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
    return tuple(rows[start : start + ROWS]), _pages(rows)


def _pages(rows: Sized) -> int:
    return max(1, -(-len(rows) // ROWS))


def project_view(
    past: ProjectPast, versions: VersionsAt, shown: Shown, lines: tuple[CopyLine, ...]
) -> ProjectView:
    """Return the page of a project. versions: as of the instant that is shown."""
    then = past.at(shown.before)
    status, reason = status_of(then)
    counts, start = versions.counts, (shown.page - 1) * ROWS
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
        newest=versions.newest,
        counts=ProjectCounts(
            files=versions.files,
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
        versions=versions.rows(start, start + ROWS),
        page=shown.page,
        pages=_pages(versions),
    )


def status_of(then: Moment) -> tuple[str, str]:
    """Return the status of a project as of an instant, as a word, and the reason that the index gives."""
    return then.word, then.status_reason if then.quarantined or then.word == then.status else ""


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


def version_view(past: ProjectPast, version: str, shown: Shown) -> VersionView:
    """Return the files of a version, of which ``past`` has all."""
    then, now = past.at(shown.before), past.at(None)
    files = [one for one in past.files if one.version == version]
    files.sort(key=lambda one: (is_later(one, then), one.filename))
    some, pages = paged(files, shown.page)
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
        files=tuple(file_row(one, then, now) for one in some),
        page=shown.page,
        pages=pages,
    )


def diff_view(past: ProjectPast, before: Shown, after: Shown) -> DiffView:
    """Return how a project differs between two dates."""
    changes = changes_between(past, before.before, after.before)
    kinds = Counter(one.change for one in changes if one.filename)
    some, pages = paged(changes, after.page)
    then, later = past.at(before.before), past.at(after.before)
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
        newest_before=newest_version(past, before.before),
        newest_after=newest_version(past, after.before),
        added=kinds["added"],
        removed=kinds["removed"],
        changed=sum(kinds.values()) - kinds["added"] - kinds["removed"],
        changes=some,
        page=after.page,
        pages=pages,
    )


def changes_between(past: ProjectPast, before: Instant | None, after: Instant | None) -> list[ChangeRow]:
    """Return what `mirror diff` tells: of the project as a whole first, then by file name."""
    then, later = past.at(before), past.at(after)
    first, second = ({one.filename: one for one in past.files if at.lists(one)} for at in (then, later))
    found = [
        ChangeRow(one.filename, one.change, one.before, one.after)
        for one in compare(first, second, partial(_facts, before), partial(_facts, after))
    ]
    found += [ChangeRow(name, "removed") for name in past.plain.only_at(then, later)]
    found += [ChangeRow(name, "added") for name in past.plain.only_at(later, then)]
    found.sort(key=lambda one: one.filename)
    return found if then.word == later.word else [ChangeRow("", "status", then.word, later.word), *found]


def _facts(before: Instant | None, file: PastFile) -> dict[str, str]:
    state = file.at(before)
    return {
        "digest": file.key if file.key.startswith("u") else f"sha256:{file.key}",
        "yanked": "no" if state.yanked is None else state.yanked or "yes",
        "requires-python": state.requires_python or "any",
        "upload-time": "none" if state.upload_time is None else moment_text(state.upload_time),
    }
