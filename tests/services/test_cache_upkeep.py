"""Looking after a cache, over one that is a list: what goes, in which order, and what is raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cachi2ish.core.cache_contents import CacheContents, Entry, EntryKind, Finding, Flaw
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, StorageError, leaves
from cachi2ish.services.cache_upkeep import Limits, Verified, prune, prune_files, verify
from tests.services.fakes import Notes

NOW = datetime(2024, 10, 1, tzinfo=UTC)


def entry(path: str, days: float, size: int = 10, kind: EntryKind = EntryKind.FILE) -> Entry:
    return Entry(kind, path, size, NOW - timedelta(days=days))


@dataclass
class FakeCache:
    """A cache, and the pruning of it. busy: paths in use. stuck: paths that cannot be removed."""

    entries: tuple[Entry, ...] = ()
    findings: tuple[Finding, ...] = ()
    sound: tuple[int, ...] = ()
    busy: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()
    exists: bool = True
    catalogue: int = 0
    broken_catalogue: bool = False
    forgotten_since: list[datetime] = field(default_factory=list)
    directory: Path = Path("/cache")

    def contents(self) -> CacheContents:
        raise NotImplementedError

    def verify(self, on_sound: Callable[[int], None], *, repair: bool) -> tuple[Finding, ...]:
        for size in self.sound:
            on_sound(size)
        return self.findings

    def pruning(self, *, pretend: bool) -> FakeCache:
        return self

    def remove(self, entry: Entry) -> bool:
        if entry.path in self.stuck:
            raise StorageError(f"{entry.path} cannot be removed")
        return entry.path not in self.busy

    def remove_dangling_links(self) -> int:
        return 3

    def names(self) -> Mapping[str, tuple[str, ...]]:
        self._check()
        return {"a": ("a.zip",)}

    def forget(self, unused_since: datetime) -> int:
        self._check()
        self.forgotten_since.append(unused_since)
        return 5

    def shrink_catalogue(self) -> None:
        self.catalogue = 0

    def other_size(self) -> int:
        return self.catalogue

    def _check(self) -> None:
        if self.broken_catalogue:
            raise StorageError("the catalogue is locked")


def removed(cache: FakeCache, limits: Limits | None = None, notes: Notes | None = None) -> list[str]:
    pruned = prune(cache, limits or Limits(), NOW, notes or Notes(), dry_run=False)
    return [one.path for one in pruned.entries]


def test_without_limits_only_what_nobody_can_use_goes() -> None:
    cache = FakeCache(
        (
            entry("old", 900),
            entry("leftover", 0, kind=EntryKind.LEFTOVER),
            entry("half", 2, kind=EntryKind.UNFINISHED),
            entry("on its way", 0.5, kind=EntryKind.UNFINISHED),
        )
    )
    assert removed(cache) == ["half", "leftover"]
    assert cache.forgotten_since == []


def test_what_was_not_used_for_long_goes_and_is_forgotten() -> None:
    cache = FakeCache((entry("old", 31), entry("new", 29)))
    since = NOW - timedelta(days=30)
    assert removed(cache, Limits(unused_since=since)) == ["old"]
    assert cache.forgotten_since == [since]


def test_the_least_recently_used_goes_first_until_the_rest_fits() -> None:
    cache = FakeCache((entry("b", 2, 10), entry("c", 1, 10), entry("a", 3, 10)))
    assert removed(cache, Limits(size=15)) == ["a", "b"]
    assert cache.forgotten_since == [NOW - timedelta(days=2)]


def test_the_catalogue_counts_and_is_forgotten_whole_where_files_do_not_suffice() -> None:
    cache = FakeCache((entry("a", 3, 10),), catalogue=100)
    assert removed(cache, Limits(size=50)) == ["a"]
    assert cache.forgotten_since == [NOW]


def test_a_file_in_use_stays_and_the_next_one_goes_in_its_place() -> None:
    cache = FakeCache((entry("a", 3), entry("b", 2), entry("c", 1)), busy=frozenset({"a"}))
    pruned = prune(cache, Limits(size=20), NOW, Notes(), dry_run=False)
    assert ([one.path for one in pruned.entries], pruned.in_use, pruned.links) == (["b"], 1, 3)


def test_what_cannot_be_removed_is_one_error_when_the_rest_is_gone() -> None:
    cache = FakeCache((entry("a", 3), entry("b", 2), entry("c", 1)), stuck=frozenset({"a", "b"}))
    with pytest.raises(StorageError, match=r"^a cannot be removed \(1 more failed as well\)$"):
        removed(cache, Limits(unused_since=NOW, size=0))


def test_a_catalogue_that_fails_is_a_warning() -> None:
    notes = Notes()
    cache = FakeCache((entry("a", 3),), broken_catalogue=True)
    pruned = prune(cache, Limits(unused_since=NOW), NOW, notes, dry_run=True)
    assert ([one.path for one in pruned.entries], pruned.names) == (["a"], {})
    assert notes.messages == [("warning", "the catalogue is locked")] * 2


@pytest.mark.parametrize(("dry_run", "forgotten"), [(False, 7), (True, 4)])
def test_a_store_counts_what_it_is_told_to_forget(*, dry_run: bool, forgotten: int) -> None:
    store, counts = FakeCache((entry("a", 3), entry("b", 1))), iter([3, 4])
    limits = Limits(unused_since=NOW - timedelta(days=2), size=0)
    pruned = prune_files(store, limits, NOW, Notes(), dry_run=dry_run, forget=lambda _since: next(counts))
    assert (len(pruned.entries), pruned.forgotten) == (2, forgotten)


def test_a_dry_run_counts_what_would_be_forgotten_once() -> None:
    cache = FakeCache((entry("a", 3), entry("b", 1)))
    limits = Limits(unused_since=NOW - timedelta(days=2), size=0)
    assert prune(cache, limits, NOW, Notes(), dry_run=True).forgotten == 5
    assert prune(cache, limits, NOW, Notes(), dry_run=False).forgotten == 10


def test_all_damage_is_raised_at_once_by_its_kind_and_what_is_harmless_is_a_warning() -> None:
    findings = tuple(Finding(flaw, flaw.value, "is bad", repaired=False) for flaw in Flaw)
    notes = Notes()
    with pytest.raises(Cachi2ishError) as caught:
        verify(FakeCache(findings=findings), notes, lambda _done: None, repair=False)
    harmful = [(type(error), error.problem.partition(" ")[0]) for error in leaves(caught.value)]
    assert harmful == [
        (DigestMismatchError, "damaged"),
        (StorageError, "unreadable"),
        (StorageError, "obstacle"),
        (StorageError, "misleading"),
        (StorageError, "catalogue"),
    ]
    assert [message.partition(" ")[0] for _, message in notes.messages] == ["dangling", "stray", "outdated"]


def test_what_was_repaired_is_a_warning_and_its_files_are_counted() -> None:
    findings = tuple(Finding(flaw, "x", "is bad", repaired=True) for flaw in (Flaw.DAMAGED, Flaw.DANGLING))
    notes, seen = Notes(), list[Verified]()
    done = verify(FakeCache(findings=findings, sound=(5, 7)), notes, seen.append, repair=True)
    assert done == Verified(files=2, size=12, removed=1)
    assert seen == [Verified(1, 5), Verified(2, 12)]
    assert [message for _, message in notes.messages] == ["x in the cache /cache is bad: removed"] * 2


def test_a_cache_that_is_not_there_is_a_warning() -> None:
    notes = Notes()
    assert verify(FakeCache(exists=False), notes, lambda _done: None, repair=False) == Verified(0, 0)
    assert notes.messages == [("warning", "there is no cache at /cache: nothing is verified")]
