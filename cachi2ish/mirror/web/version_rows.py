"""What a date has of each version and each file, and what became of them since."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.mirror.pasts import Moment, PastFile, ProjectPast, SeenState, VersionTally
from cachi2ish.mirror.records import Coverage, Instant
from cachi2ish.mirror.web.views import FileRow, Standing, VersionRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Of a key that is no sha256 (`HistoricFile.key`).
_NO_SHA256 = "u"


def moment_text(instant: Instant) -> str:
    """Return an instant as RFC 3339 writes it."""
    return rfc3339(_EPOCH + timedelta(microseconds=instant))


def seconds_text(instant: Instant | None) -> str | None:
    """Return when something was seen, in whole seconds; None for None."""
    return None if instant is None else moment_text(instant - instant % 1_000_000)


#: What was there then, and not yanked.
_TAKEN = frozenset({Standing.THERE, Standing.YANKED_SINCE, Standing.GONE_SINCE})


#: A version, how it stands, and how many of its files were there.
Stood = tuple[VersionTally, Standing, int]


def newest_version(past: ProjectPast, before: Instant | None) -> str | None:
    """Return what an installer would take: not yanked, and no pre-release where it need not be one."""
    first = None
    for tally, standing, _ in Standings(past, before).each():
        if standing in _TAKEN:
            if not _is_prerelease(tally):
                return tally.version
            first = first or tally
    return None if first is None else first.version


class VersionsAt:
    """The versions of a project as of an instant: how each stands, and rows of those that a page shows.

    counts: how many stand how. files: how many were there. newest: see `newest_version`.
    """

    def __init__(self, past: ProjectPast, before: Instant | None) -> None:
        self._all = Standings(past, before)
        here: list[Stood] = []
        later: list[Stood] = []
        self.files, self.counts = 0, Counter[Standing]()
        # Neighbours mostly stand alike, and to look a standing up takes longer than to compare two.
        for standing, group in groupby(self._all.each(), key=itemgetter(1)):
            some = list(group)
            (later if standing in _LATER else here).extend(some)
            self.counts[standing] += len(some)
            self.files += sum(files for _, _, files in some)
        self.standings = here + later
        self.newest = newest_version(past, before)

    def __len__(self) -> int:
        return len(self.standings)

    def rows(self, start: int = 0, end: int | None = None) -> tuple[VersionRow, ...]:
        """Return rows: the newest version first, and after all that were there what came later."""
        return tuple(
            self._all.row(tally, standing, newest=self.newest) for tally, standing, _ in self.standings[start:end]
        )


class Standings:
    """How the versions of a project stand at an instant."""

    def __init__(self, past: ProjectPast, before: Instant | None) -> None:
        self._tallies, self._then, self._now = past.tallies, past.at(before), past.at(None)
        self._changed: defaultdict[tuple[int, str], list[PastFile]] = defaultdict(list)
        for file in past.files:
            if file.changed:
                self._changed[file.generation, file.version].append(file)

    def each(self) -> Iterator[Stood]:
        """Yield how each version stands."""
        then, before, changed = self._then, self._then.before, self._changed
        then_number, now_number = _number(then), _number(self._now)
        since = Standing.THERE if now_number == then_number else Standing.GONE_SINCE
        for tally in self._tallies:
            if changed and (tally.generation, tally.version) in changed:
                mine = changed[tally.generation, tally.version]
                count = _count(tally, then, mine)
                yield tally, self._standing(tally, mine, count)[0], count
            elif tally.generation == then_number and (count := tally.before(before)):
                yield tally, since, count
            else:
                yield tally, _absent(tally.first, then), 0

    def row(self, tally: VersionTally, standing: Standing, *, newest: str | None) -> VersionRow:
        """Return a row for a version. newest: the version that an installer would take."""
        changed = self._changed.get((tally.generation, tally.version), ())
        files = _count(tally, self._then, changed)
        return VersionRow(
            version=tally.version,
            standing=standing,
            uploaded=None if tally.first is None else moment_text(tally.first),
            files=files,
            more=max(0, tally.files - tally.before(self._then.before)) if files else 0,
            since=seconds_text(self._standing(tally, changed, files)[1]),
            reason=next((one.newest.yanked for one in changed if one.newest.yanked), ""),
            prerelease=_is_prerelease(tally),
            newest=tally.version == newest and standing in _TAKEN,
        )

    def _standing(
        self, tally: VersionTally, changed: Sequence[PastFile], files: int
    ) -> tuple[Standing, Instant | None]:
        """Return how a version stands, and since when. files: of it, that were there."""
        then, now = self._then, self._now
        if not files:
            return _absent(tally.first, then), None
        files_now = _count(tally, now, changed)
        if not files_now:
            return Standing.GONE_SINCE, gone_since(changed, now)
        if _yanked(changed, then) == files:
            return Standing.YANKED, None
        if _yanked(changed, now) == files_now:
            return Standing.YANKED_SINCE, _turned(changed, is_yanked)
        return Standing.THERE, None


_LATER = frozenset({Standing.LATER, Standing.UNDATED})


def _number(moment: Moment) -> int:
    """Return the number of the generation whose files were there; 0 for none."""
    return moment.generation.number if moment.generation is not None and moment.exists else 0


def _is_prerelease(tally: VersionTally) -> bool:
    proper, order = tally.order
    return proper and order.is_prerelease


def _count(tally: VersionTally, moment: Moment, changed: Iterable[PastFile]) -> int:
    """Return how many files of a version were there."""
    if _number(moment) != tally.generation:
        return 0
    plain = tally.before(moment.before)
    for file in changed:
        dated = moment.before is None or (file.available is not None and file.available < moment.before)
        plain -= dated
        plain += moment.has(file)
    return plain


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


def is_later(file: PastFile, then: Moment) -> bool:
    """Return whether a file came later, or cannot be dated."""
    return not then.has(file) and _absent(file.available, then) in _LATER


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
