"""What lies in a cache directory, by what it is; nothing is opened or changed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from cachi2ish.cache.blob_writer import PARTIAL, PRIVATE_PARTIAL
from cachi2ish.cache.layout import Layout
from cachi2ish.cache.memory.schema import aside_of
from cachi2ish.core.cache_contents import Entry, EntryKind
from cachi2ish.core.digests import ALGORITHMS, WEAK_ALGORITHMS, Digest

_SHA256 = "sha256"
_SHA256_DIGITS = 64
_LINKED = ALGORITHMS - WEAK_ALGORITHMS - {_SHA256}
_PREFIX = re.compile("[0-9a-f]{2}")
_DIGITS = re.compile("[0-9a-f]+")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Outside of this there are no dates; a file may state any time.
_FIRST, _LAST = 0, 10**20


class StoredBlob(Struct, frozen=True):
    """A file in the place of a blob. sha256: what its name says."""

    sha256: str
    entry: Entry


class Link(Struct, frozen=True):
    """A link from ``digest`` to the blob with ``sha256``; None where it leads to no place of a blob."""

    digest: Digest
    sha256: str | None


@dataclass(slots=True)
class Scan:
    """What was found. obstacles: other things in the place of a blob; strays: what no cache has. Both: paths."""

    blobs: list[StoredBlob] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    unfinished: list[Entry] = field(default_factory=list)
    leftovers: list[Entry] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)


def scan_directory(layout: Layout, catalogue: Path) -> Scan:
    """Walk through the cache. What comes and goes meanwhile may be in it or not. Raises `OSError`."""
    scan = Scan()
    # What is behind a link is not ours, whatever it is called.
    linked = [place for place in (layout.blobs, layout.partial, layout.running) if place.is_symlink()]
    scan.obstacles.extend(place.name for place in linked)
    for algorithm in () if layout.blobs in linked else _inside(layout.blobs):
        known = algorithm.name == _SHA256 or algorithm.name in _LINKED
        if known and algorithm.is_dir(follow_symlinks=False):
            _take_all(scan, layout, algorithm)
        elif Path(algorithm) not in {layout.lock, layout.readers}:
            scan.strays.append(_path(layout, algorithm))
    for partial in () if layout.partial in linked else _inside(layout.partial):
        private = PRIVATE_PARTIAL.fullmatch(partial.name)
        if not (private or PARTIAL.fullmatch(partial.name)):
            scan.strays.append(_path(layout, partial))
            continue
        kind = EntryKind.LEFTOVER if private else EntryKind.UNFINISHED
        with suppress(FileNotFoundError):
            entry = _entry(layout, partial, kind)
            (scan.leftovers if kind is EntryKind.LEFTOVER else scan.unfinished).append(entry)
    aside = aside_of(catalogue)
    with suppress(FileNotFoundError):
        scan.leftovers.extend(
            _entry(layout, found, EntryKind.LEFTOVER) for found in _inside(layout.root) if found.name == aside.name
        )
    return scan


def moment(nanoseconds: int) -> datetime:
    """Return the instant of a file's time, rounded down to microseconds."""
    return _EPOCH + timedelta(microseconds=min(max(nanoseconds, _FIRST), _LAST) // 1000)


def _take_all(scan: Scan, layout: Layout, algorithm: os.DirEntry[str]) -> None:
    for prefix in _inside(algorithm):
        if _PREFIX.fullmatch(prefix.name) and prefix.is_dir(follow_symlinks=False):
            for leaf in _inside(prefix):
                _take(scan, layout, leaf, Digest(algorithm.name, prefix.name + leaf.name))
        else:
            scan.strays.append(_path(layout, prefix))


def _take(scan: Scan, layout: Layout, leaf: os.DirEntry[str], digest: Digest) -> None:
    if digest.algorithm == _SHA256:
        if len(digest.value) != _SHA256_DIGITS or not _DIGITS.fullmatch(digest.value):
            scan.strays.append(_path(layout, leaf))
        elif not leaf.is_file(follow_symlinks=False):
            scan.obstacles.append(_path(layout, leaf))
        else:
            with suppress(FileNotFoundError):
                scan.blobs.append(StoredBlob(digest.value, _entry(layout, leaf, EntryKind.FILE)))
    elif leaf.is_symlink() and layout.link(digest) is not None:
        scan.links.append(Link(digest, layout.address(digest)))
    else:
        scan.strays.append(_path(layout, leaf))


def _inside(directory: str | Path | os.DirEntry[str]) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    yield from found


def _entry(layout: Layout, found: os.DirEntry[str], kind: EntryKind) -> Entry:
    status = found.stat(follow_symlinks=False)
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return Entry(kind, _path(layout, found), size, moment(status.st_mtime_ns))


def _path(layout: Layout, found: os.DirEntry[str]) -> str:
    return Path(found).relative_to(layout.root).as_posix()
