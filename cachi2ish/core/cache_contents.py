"""What is in a cache, what is wrong with it, and what was removed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from msgspec import Struct


class EntryKind(Enum):
    """What a file of a cache is. value: in words."""

    FILE = "file"
    UNFINISHED = "unfinished file"
    LEFTOVER = "leftover"  # of a process that was killed, or a catalogue that was moved aside


class Entry(Struct, frozen=True):
    """A file of a cache. path: below the cache, POSIX. size: bytes. used: when last, aware, UTC."""

    kind: EntryKind
    path: str
    size: int
    used: datetime


class Amount(Struct, frozen=True):
    """So many files, of so many bytes together."""

    count: int = 0
    size: int = 0


class CatalogueContents(Struct, frozen=True, kw_only=True):
    """What the catalogue holds.

    size: bytes of its files. pages: what indexes said of projects. recollections: small facts.
    oldest, newest: when used, aware, UTC; None where it holds nothing.
    problem: why it cannot be read, None where it can or is not there.
    """

    size: int = 0
    pages: int = 0
    recollections: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    problem: str | None = None


class CacheContents(Struct, frozen=True, kw_only=True):
    """What a cache holds. exists: False where there is no such directory; then all numbers are zero."""

    directory: Path
    exists: bool
    files: Amount = Amount()
    unfinished: Amount = Amount()
    leftovers: Amount = Amount()
    catalogue: CatalogueContents = CatalogueContents()
    oldest_use: datetime | None = None
    newest_use: datetime | None = None

    @property
    def size(self) -> int:
        """Bytes, all in all."""
        return self.files.size + self.unfinished.size + self.leftovers.size + self.catalogue.size


class Flaw(Enum):
    """What can be wrong in a cache."""

    DAMAGED = "damaged"  # a file that is not what its name promises
    UNREADABLE = "unreadable"  # a file that the disk, or its owner, does not give
    OBSTACLE = "obstacle"  # something else than a file in the place of one
    MISLEADING = "misleading"  # a link from a digest to a file that has another digest
    DANGLING = "dangling"  # a link to a file that is not there; harmless
    STRAY = "stray"  # something that no cache has; harmless
    CATALOGUE = "catalogue"  # the database is damaged
    OUTDATED = "outdated"  # the database is of another version; harmless: the next fetch begins anew


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. path: below the cache, POSIX. detail: about it, in words. repaired: it is so no more."""

    flaw: Flaw
    path: str
    detail: str
    repaired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, or would be.

    entries: files. links: to files that are gone. forgotten: rows of the catalogue. kept: bytes that are left.
    in_use: how many files were to be removed, and were not since a process may be using them.
    names: what indexes have called the files, by `Entry.path`, where they are wanted and known.
    """

    entries: tuple[Entry, ...]
    links: int
    forgotten: int
    kept: int
    in_use: int
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(entry.size for entry in self.entries)
