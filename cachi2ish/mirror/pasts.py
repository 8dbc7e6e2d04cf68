"""The past of a project as people look at it: files counted by version, and all that was seen of some.

The rules are those of dated pages: `Moment` says what of it a page as of an instant has. A project may have
thousands of files of which nothing was ever seen but that they are there: these are counted and named, no more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from cachi2ish.core.distributions import same_version
from cachi2ish.core.pages import QUARANTINED
from cachi2ish.mirror.records import Coverage, FileChange, Instant

#: What stands for the time of a file without one: after all others.
NEVER: Instant = 2**63 - 1

#: Words for a project none of whose files any page has.
_NO_FILES = frozenset({"absent", "deleted", "quarantined", "not-yet", "untimed"})

_File = TypeVar("_File")

#: What is compared of a file, by what that is called.
Facts = Callable[[_File], Mapping[str, str]]


class SeenState(NamedTuple):
    """What an upstream said of a file from one look on.

    yanked: the reason, which may be empty; None where it is not.
    """

    seen_from: Instant
    listed: bool
    upload_time: Instant | None
    size: int | None
    requires_python: str | None
    yanked: str | None


class PastFile(Struct, frozen=True, gc=False):
    """A file, and what was seen of it. generation: the number of the one that it belongs to.

    version: as the index spells it, "" where nothing tells. key: see `HistoricFile.key`. available: it is on pages
    as of instants after that; None for none. states: the oldest first, at least one.
    """

    generation: int
    filename: str
    version: str
    key: str
    first_seen: Instant
    available: Instant | None
    states: tuple[SeenState, ...]

    @property
    def newest(self) -> SeenState:
        """What was seen last."""
        return self.states[-1]

    @property
    def changed(self) -> bool:
        """Whether it was ever yanked or not listed."""
        return any(not one.listed or one.yanked is not None for one in self.states)

    def at(self, before: Instant | None) -> SeenState:
        """Return the state last seen before an instant, else the first one; None: the newest."""
        if before is None or len(self.states) == 1:
            return self.states[-1]
        return next((one for one in reversed(self.states) if one.seen_from < before), self.states[0])


class PastGeneration(NamedTuple):
    """A project from when its name was registered until it was deleted. See the table ``generation``.

    states: since when it was so, whether it existed, its status and the reason of that (PEP 792).
    """

    number: int
    since: Instant | None
    first_seen: Instant
    first_available: Instant | None
    states: tuple[tuple[Instant, bool, str, str], ...]

    def at(self, before: Instant | None) -> tuple[Instant, bool, str, str]:
        """Return the state last seen before an instant, else the first one; None: the newest."""
        if before is None:
            return self.states[-1]
        return next((one for one in reversed(self.states) if one[0] < before), self.states[0])


class VersionTally(NamedTuple):
    """The files of a version. generation: the number of the one that it belongs to. version: see `PastFile`.

    order: see `version_order`. files: how many. first: the least of `PastFile.available`; seen: of
    `PastFile.first_seen`. available: of those that have one, in order.
    """

    generation: int
    version: str
    order: tuple[bool, Version]
    files: int
    first: Instant | None
    seen: Instant
    available: Sequence[Instant]

    def before(self, instant: Instant | None) -> int:
        """Return how many were available before an instant, listed or not; for None, all."""
        return self.files if instant is None else bisect_left(self.available, instant)


class PlainFiles(NamedTuple):
    """Files of which all looks have said the same, that they are there, and whose names no other file has.

    In the order of their names. generations: of each, its number; available: `NEVER` for one without.
    """

    names: Sequence[str] = ()
    generations: Sequence[int] = ()
    available: Sequence[Instant] = ()

    def only_at(self, moment: Moment, other: Moment) -> list[str]:
        """Return the names of those that pages list at one moment, and not at the other."""
        mine, end = moment.number, moment.until
        start = other.until if other.number == mine else -NEVER
        rows = zip(self.names, self.generations, self.available, strict=True) if mine and start < end else ()
        return [name for name, number, at in rows if start <= at < end and number == mine]


class ProjectPast(Struct, frozen=True, kw_only=True):
    """A project. looked_at: when the upstream was last looked at, None for never.

    closed_until: pages as of instants up to then never change again. generations: none where it was never there.
    tallies: the newest version first. files: all that are not plain, and those that were asked for; as they were
    seen first. complete: whether nothing of these three was left out because it takes long to read.
    """

    registry: str
    name: NormalizedName
    looked_at: Instant | None = None
    closed_until: Instant | None = None
    generations: tuple[PastGeneration, ...] = ()
    tallies: Sequence[VersionTally] = ()
    plain: PlainFiles = PlainFiles()
    files: tuple[PastFile, ...] = ()
    complete: bool = True

    def at(self, before: Instant | None) -> Moment:
        """Return it as of an instant; None: as it was seen last."""
        return Moment(self, before)

    def is_closed(self, before: Instant | None) -> bool:
        """Return whether what was there before an instant never changes again."""
        return before is not None and self.closed_until is not None and before <= self.closed_until


class Moment:
    """A project as of an instant. generation: what the name meant then, None where it was never there."""

    def __init__(self, past: ProjectPast, before: Instant | None) -> None:
        self._past = past
        self.before = before
        self.generation = _begun(past.generations, before)
        _, self.exists, self.status, self.status_reason = (
            (0, False, "absent", "") if self.generation is None else self.generation.at(before)
        )

    @cached_property
    def word(self) -> str:
        """The status as one word: why there are no files, or what the index says (PEP 792)."""
        if self.generation is None:
            return "absent"
        if not self.exists:
            return "deleted"
        if self.quarantined:
            return "quarantined"
        if self.untimed:
            return "untimed"
        return "not-yet" if self.too_early else self.status

    @cached_property
    def number(self) -> int:
        """The number of the generation whose files pages list; 0 where they list none."""
        return 0 if self.generation is None or self.word in _NO_FILES else self.generation.number

    @property
    def until(self) -> Instant:
        """The instant before which a file must have been available."""
        return NEVER + 1 if self.before is None else self.before

    @property
    def coverage(self) -> Coverage:
        """Whether somebody had looked by then."""
        one = self.generation
        seen = one is not None and (self.before is None or one.first_seen < self.before)
        return Coverage.OBSERVED if seen else Coverage.COMPUTED

    @property
    def quarantined(self) -> bool:
        """Whether it was in quarantine then: no page has its files."""
        return self.exists and self.status == QUARANTINED

    @property
    def too_early(self) -> bool:
        """Whether no file was there yet, as far as is known."""
        return self._without_dated_files and not self._seen_by_then

    @property
    def untimed(self) -> bool:
        """Whether files had been seen by then, and none of them is dated."""
        return self._without_dated_files and self._seen_by_then

    @property
    def _without_dated_files(self) -> bool:
        one, before = self.generation, self.before
        if one is None or before is None or (one.first_available is not None and one.first_available < before):
            return False
        return one.first_seen >= before or self._seen_by_then

    @property
    def _seen_by_then(self) -> bool:
        one, before = self.generation, self.before
        return any(
            one is not None and before is not None and tally.generation == one.number and tally.seen < before
            for tally in self._past.tallies
        )

    def lists(self, file: PastFile) -> bool:
        """Return whether pages list a file."""
        return self.number != 0 and self.has(file)

    def has(self, file: PastFile) -> bool:
        """Return whether a file was there, whatever the status of the project."""
        if self.generation is None or not self.exists or file.generation != self.generation.number:
            return False
        if self.before is not None and (file.available is None or file.available >= self.before):
            return False
        return file.at(self.before).listed


def spelling(tallies: Sequence[VersionTally], version: str) -> str | None:
    """Return a version as the index spells it; None where it has no such version."""
    if any(one.version == version for one in tallies):
        return version
    return next((one.version for one in tallies if same_version(one.version, version)), None)


def compare(
    before: Mapping[str, _File], after: Mapping[str, _File], facts: Facts[_File], facts_after: Facts[_File]
) -> Iterator[FileChange]:
    """Yield how files differ, by name. facts: of those before, and of those after: see `Facts`."""
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield FileChange(filename=name, change="added")
        elif name not in after:
            yield FileChange(filename=name, change="removed")
        else:
            now = facts_after(after[name])
            for what, was in facts(before[name]).items():
                if was != now[what]:
                    yield FileChange(filename=name, change=what, before=was, after=now[what])


def _begun(generations: Sequence[PastGeneration], before: Instant | None) -> PastGeneration | None:
    if not generations:
        return None
    if before is None:
        return generations[-1]
    return [one for one in generations if one.since is None or one.since < before][-1]


class DayCoverage(Struct, frozen=True, kw_only=True):
    """How much is known of a registry as of an instant, in projects.

    there: that had a file by then; observed: of them, those that somebody had looked at by then; closed: of them,
    those whose page never changes again.
    """

    there: int
    observed: int
    closed: int
