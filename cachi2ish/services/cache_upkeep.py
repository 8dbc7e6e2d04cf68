"""``cache verify`` and ``cache prune``: what is damaged, what nobody uses, and what is too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct

from cachi2ish.cache.interface import CachePruning, Housekeeping, Pruning
from cachi2ish.core.cache_contents import Entry, EntryKind, Finding, Flaw, Pruned
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, StorageError, raise_all
from cachi2ish.services.progress import Reporter

#: What harms nobody: a fetch neither uses it nor fails for it.
_HARMLESS = frozenset({Flaw.DANGLING, Flaw.STRAY, Flaw.OUTDATED})

#: What can be wrong with a file itself.
_FILES = frozenset({Flaw.DAMAGED, Flaw.UNREADABLE})

_REPAIR = "cachi2ish cache verify --repair removes what is damaged; it is fetched anew when it is needed"
_HINTS = {
    Flaw.UNREADABLE: "check the rights and the disk; " + _REPAIR,
    Flaw.OBSTACLE: "move it out of the cache",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """How many files are what their names promise, their bytes, and how many others a repair has removed."""

    files: int
    size: int
    removed: int = 0


def verify(
    housekeeping: Housekeeping, reporter: Reporter, on_verified: Callable[[Verified], None], *, repair: bool
) -> Verified:
    """Verify the cache; raise all damage at once, except what was repaired: that is a warning.

    A file that is not what its name promises is a `DigestMismatchError`; whatever else would keep a fetch from
    using the cache is a `StorageError`. on_verified: called after each file with what has been verified so far.
    """
    if not housekeeping.exists:
        reporter.warning(f"there is no cache at {housekeeping.directory}: nothing is verified")
    done = Verified(0, 0)

    def on_sound(size: int) -> None:
        nonlocal done
        done = replace(done, files=done.files + 1, size=done.size + size)
        on_verified(done)

    errors: list[Cachi2ishError] = []
    for finding in housekeeping.verify(on_sound, repair=repair):
        text = f"{finding.path} in the cache {housekeeping.directory} {finding.detail}"
        if finding.repaired:
            reporter.warning(f"{text}: removed")  # of a catalogue: out of the way
            done = replace(done, removed=done.removed + (finding.flaw in _FILES))
        elif finding.flaw in _HARMLESS:
            reporter.warning(text)
        else:
            errors.append(_error(finding, text))
    raise_all(errors)
    return done


def _error(finding: Finding, text: str) -> Cachi2ishError:
    hint = _HINTS.get(finding.flaw, _REPAIR)
    if finding.flaw is Flaw.DAMAGED:
        return DigestMismatchError(text, hint=hint)
    return StorageError(text, hint=hint)


#: Whoever wants an unfinished file has come back for it by then.
_ABANDONED = timedelta(days=1)


class Limits(Struct, frozen=True, kw_only=True):
    """What may stay. None: whatever there is.

    unused_since: what was last used before this instant (aware) goes. size: bytes of everything together.
    """

    unused_since: datetime | None = None
    size: int | None = None


def prune(
    housekeeping: Housekeeping, limits: Limits, now: datetime, reporter: Reporter, *, dry_run: bool
) -> Pruned:
    """Remove from the cache, and return what was removed, or with ``dry_run`` what would be, by name.

    What a running process may be using always stays. Raises `StorageError` once for all files that cannot be
    removed, when the others are. What fails in the catalogue is a warning: it is a memory only.
    """
    pruning = housekeeping.pruning(pretend=dry_run)
    forget = partial(_forget, pruning, reporter)
    return prune_files(pruning, limits, now, reporter, dry_run=dry_run, forget=forget)


def _forget(pruning: CachePruning, reporter: Reporter, unused_since: datetime) -> int:
    """Remove rows of the catalogue, and give their space back; return how many."""
    forgotten = 0
    try:
        forgotten = pruning.forget(unused_since)
        pruning.shrink_catalogue()
    except StorageError as error:
        reporter.warning(error.problem)
    return forgotten


def prune_files(
    pruning: Pruning,
    limits: Limits,
    now: datetime,
    reporter: Reporter,
    *,
    dry_run: bool,
    forget: Callable[[datetime], int] = lambda _unused_since: 0,
) -> Pruned:
    """Remove files from a store, and return what was removed, or with ``dry_run`` what would be, by name.

    What a running process may be using, and what the store itself holds back, stays. Raises `StorageError` once
    for all files that cannot be removed, when the others are.
    forget: removes what is known about files and was not used since an instant, and returns how much that was. It
    is called where files of that age go.
    """
    run, forgotten = _Run(pruning, reporter), [0]
    run.remove(entry for entry in run.kept if _is_useless(entry, now))
    if limits.unused_since is not None:
        oldest = limits.unused_since
        run.remove(entry for entry in run.kept if entry.used < oldest)
        forgotten.append(forget(oldest))
    if limits.size is not None:
        unused_since = run.fit(limits.size, now)
        if unused_since is not None:
            forgotten.append(forget(unused_since))
    run.tidy()
    run.raise_failures()
    return Pruned(
        entries=tuple(run.removed),
        links=run.links,
        # What would be forgotten is still there to be counted again.
        forgotten=max(forgotten) if dry_run else sum(forgotten),
        kept=run.size(),
        in_use=len(run.in_use),
        names=run.names() if dry_run else {},
    )


def _is_useless(entry: Entry, now: datetime) -> bool:
    if entry.kind is EntryKind.UNFINISHED:
        return entry.used < now - _ABANDONED
    return entry.kind is EntryKind.LEFTOVER


class _Run:
    """What has been done so far. kept: what is left, the least recently used first (a set with an order)."""

    def __init__(self, pruning: Pruning, reporter: Reporter) -> None:
        self._pruning = pruning
        self._reporter = reporter
        self._failures: list[StorageError] = []
        self._failed: set[Entry] = set()
        self.kept = dict.fromkeys(sorted(pruning.entries, key=lambda entry: (entry.used, entry.path)))
        self.removed: list[Entry] = []
        self.in_use: set[Entry] = set()
        self.links = 0

    def remove(self, entries: Iterable[Entry]) -> None:
        for entry in tuple(entries):
            self._remove(entry)

    def fit(self, size: int, now: datetime) -> datetime | None:
        """Remove the least recently used until everything together has at most ``size`` bytes.

        Return since when what is known about files is to have been used, so that it goes with the files of its
        age: ``now`` where it is all that is left to go, since too much stays whatever files go. None where nothing
        has to go.
        """
        excess = self.size() - size
        oldest: datetime | None = None
        for entry in tuple(self.kept):
            if excess <= 0:
                break
            if self._remove(entry):
                excess -= entry.size
                oldest = entry.used
        return now if excess > 0 else oldest

    def tidy(self) -> None:
        try:
            self.links = self._pruning.remove_dangling_links()
        except StorageError as error:
            self._failures.append(error)

    def size(self) -> int:
        return sum(entry.size for entry in self.kept) + self._pruning.other_size()

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Return what indexes have called the files, as far as that is known."""
        try:
            return self._pruning.names()
        except StorageError as error:
            self._reporter.warning(error.problem)
            return {}

    def raise_failures(self) -> None:
        if self._failures:
            first, more = self._failures[0], len(self._failures) - 1
            others = f" ({more} more failed as well)" if more else ""
            raise StorageError(
                f"{first.problem}{others}", hint="remove it by hand, with the rights that this takes"
            )

    def _remove(self, entry: Entry) -> bool:
        if entry in self._failed:
            return False
        try:
            gone = self._pruning.remove(entry)
        except StorageError as error:
            self._failures.append(error)
            self._failed.add(entry)
            return False
        if gone:
            del self.kept[entry]
            self.removed.append(entry)
            self.in_use.discard(entry)
        else:
            self.in_use.add(entry)
        return gone
