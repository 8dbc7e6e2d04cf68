"""Symbolic links of a repository: which of them an archive may hold."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from msgspec import Struct

from cachi2ish.errors import GitError
from cachi2ish.git.clone import Clone
from cachi2ish.git.git_errors import MADE_TO_DO_HARM


def safe_link(path: bytes, target: bytes) -> bool:
    """Return whether the link at ``path`` cannot lead out of the archive.

    Installers refuse an archive with a link that does (PEP 706), and in a checkout it points into the void:
    it is left out. ``..`` counts only at the beginning of the target, where every step is a real folder;
    behind a name, which may be a link itself, it is not trusted.
    """
    parts = [part for part in target.split(b"/") if part not in {b"", b"."}]
    ups = next((number for number, part in enumerate(parts) if part != b".."), len(parts))
    return bool(target) and not target.startswith(b"/") and ups <= path.count(b"/") and b".." not in parts[ups:]


FOLDER, LINK, SUBMODULE = 0o040000, 0o120000, 0o160000
_EXECUTABLE = 0o100

_CHUNK = 1 << 20

#: Entries of a commit's tree. The largest projects that pip builds have a third of that; each costs 70 µs.
MOST_ENTRIES = 100_000

#: Bytes of a path, and so of what a link leads to (``PATH_MAX`` of Linux).
LONGEST_TARGET = 4096

#: More than the first line of a commit or a tag: a word and an object's name.
_FIRST_LINE = 64

#: More than the longest header of ``git cat-file --batch``.
_HEADER = 128


class Entry(Struct, frozen=True):
    """An entry of a tree. mode: as git stores it; path: from the root, in the bytes that git has."""

    mode: int
    oid: str
    path: bytes

    @property
    def canonical_mode(self) -> int:
        """What git makes of the mode: old trees have group rights and others that it ignores."""
        return self.mode if self.mode in {FOLDER, LINK, SUBMODULE} else 0o100000 | self.permissions

    @property
    def permissions(self) -> int:
        """What a file gets: git knows no more than executable or not."""
        return 0o755 if self.mode & _EXECUTABLE else 0o644


class Facts(Struct, frozen=True):
    """A commit. root: its tree; date: of the committer, ISO 8601 with its time zone; time: in Unix seconds."""

    root: str
    date: str
    time: int


class Stored(Struct, frozen=True):
    """Where an object's content lies. kind: ``commit``, ``tree``, ``blob`` or ``tag``; size in bytes."""

    kind: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of a clone in one temporary file."""

    file: IO[bytes]
    stored: dict[str, Stored] = field(default_factory=dict)

    def chunks(self, oid: str, most: int | None = None) -> Iterator[bytes]:
        """Yield the content of an object, or of its first ``most`` bytes."""
        place = self.stored[oid]
        offset, end = place.offset, place.offset + (place.size if most is None else min(place.size, most))
        while offset < end:
            chunk = os.pread(self.file.fileno(), min(_CHUNK, end - offset), offset)
            offset += len(chunk)
            yield chunk

    def read(self, oid: str, most: int) -> bytes:
        """Return the content of an object, or its first ``most`` bytes: a message may be of any length."""
        return b"".join(self.chunks(oid, most))


def tree(clone: Clone) -> tuple[Entry, ...]:
    """Return all entries below the root of the commit, folders too, in git's order.

    Raises `GitError` for a path that must not be unpacked (git itself never makes one), for two paths that are one
    on some file system, and for more paths than any project has.
    """
    entries: list[Entry] = []
    same: dict[str, bytes] = {}
    listed = io.BytesIO(clone.git("ls-tree", "-r", "-t", "-z", "--full-tree", clone.subject.commit))
    for record in _records(listed):
        header, _, path = record.partition(b"\t")
        mode, _, oid = header.split(b" ")
        if any(part in {b"", b".", b".."} or part.lower() == b".git" for part in path.split(b"/")):
            raise _harmful(clone, f"the path {_shown(path)}, which is not safe to unpack")
        other = same.setdefault(path.decode("utf-8", "surrogateescape").casefold(), path)
        if len(same) == len(entries):
            also = "" if other == path else f" and {_shown(path)}"
            raise _harmful(clone, f"the path {_shown(other)}{also}, which it holds twice")
        if len(same) > MOST_ENTRIES:
            raise _harmful(clone, f"more than {MOST_ENTRIES} files")
        entries.append(Entry(int(mode, 8), oid.decode(), path))
    return tuple(entries)


def _records(listed: IO[bytes]) -> Iterator[bytes]:
    """Yield what stands before each null character, without a copy of all of it."""
    rest = b""
    while chunk := listed.read(_CHUNK):
        *records, rest = (rest + chunk).split(b"\0")
        yield from records


def target_of(clone: Clone, link: Entry, found: Objects) -> bytes:
    """Return where a symbolic link leads; raises `GitError` for a target that is longer than any path."""
    size = found.stored[link.oid].size
    if size > LONGEST_TARGET:
        raise _harmful(clone, f"the link {_shown(link.path)}, whose target has {size} bytes")
    return found.read(link.oid, size)


def _harmful(clone: Clone, what: str) -> GitError:
    return clone.subject.error(f"{clone.subject.remote.url} holds {what}", MADE_TO_DO_HARM)


def _shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "backslashreplace"))


def facts(clone: Clone) -> Facts:
    """Return what the commit says of itself; raises `GitError` for one of which git cannot read a date."""
    # Not `git show`: it wants the parent's files, which a partial clone does not have.
    said = clone.git("rev-list", "--max-count=1", "--format=%T%n%cI%n%ct", clone.subject.commit)
    _, root, date, time = (said.decode("utf-8", "replace").splitlines() + [""] * 3)[:4]
    try:
        return Facts(root, date, int(time))
    except ValueError:
        raise _harmful(clone, f"a commit {clone.subject.commit} without a date") from None


def history(clone: Clone) -> tuple[str, ...]:
    """Return the commit and all commits behind it that the clone has."""
    return tuple(clone.git("rev-list", clone.subject.commit).decode().split())


def replaced(clone: Clone, commit: Facts, found: Objects) -> dict[bytes, str]:
    """Return references that let git read the commit's own root folder where one of an older commit is not there.

    Git reads the folders of the first commits of a history (``log --simplify-by-decoration``, which dunamai
    runs) and of the commit's parents (``show --no-patch``, which versioneer runs), though nothing that it then
    prints depends on them. To have them is to have most of the old files. So they are replaced (git-replace(1)),
    those and no others: a command that looks further back fails instead of saying that nothing ever changed.
    """
    first = clone.git("rev-list", "--max-parents=0", clone.subject.commit).decode().split()
    parents = clone.git("rev-parse", f"{clone.subject.commit}^@").decode().split()
    roots = {found.read(oid, _FIRST_LINE)[len(b"tree ") :][:40].decode() for oid in (*first, *parents)}
    return {f"refs/replace/{oid}".encode(): commit.root for oid in sorted(roots - found.stored.keys())}


def tags(clone: Clone) -> tuple[tuple[bytes, str], ...]:
    """Return (reference, object name) of the tags on the commit and behind it, by name."""
    listed = clone.git(
        "for-each-ref",
        f"--merged={clone.subject.commit}",
        "--format=%(objectname) %(refname)",
        "refs/tags",
    )
    found = (line.partition(b" ") for line in listed.splitlines())
    return tuple(sorted((ref, oid.decode()) for oid, _, ref in found))


@contextmanager
def objects(clone: Clone, oids: Iterable[str]) -> Iterator[Objects]:
    """Read objects out of the clone, and the tags' own chains with them."""
    with tempfile.TemporaryFile(dir=clone.directory, buffering=0) as file:
        found = Objects(file)
        wanted = set(oids)
        while wanted:
            _append(clone, found, sorted(wanted))
            wanted = {peeled for oid in wanted if (peeled := tagged(found, oid))} - found.stored.keys()
        yield found


def tagged(found: Objects, oid: str) -> str | None:
    """Return what a tag object points to; None for any other object (git-mktag(1))."""
    if found.stored[oid].kind != "tag":
        return None
    return found.read(oid, _FIRST_LINE).partition(b"\n")[0].removeprefix(b"object ").decode()


def _append(clone: Clone, found: Objects, oids: list[str]) -> None:
    descriptor = found.file.fileno()
    offset = os.lseek(descriptor, 0, os.SEEK_END)  # git writes on from here; everything is read by position
    with tempfile.TemporaryFile(dir=clone.directory) as wanted:
        wanted.write("".join(f"{oid}\n" for oid in oids).encode())
        wanted.seek(0)
        clone.stream("cat-file", "--batch", "--buffer", stdin=wanted, stdout=found.file)
    for oid in oids:
        header, newline, _ = os.pread(descriptor, _HEADER, offset).partition(b"\n")
        words = header.decode().split()
        if not newline or len(words) != 3:  # noqa: PLR2004  ("<oid> missing")
            raise clone.subject.error(
                f"{clone.subject.remote.url} did not send object {oid}",
                "the repository is damaged, or it is itself a partial clone",
            )
        offset += len(header) + 1
        found.stored[oid] = Stored(words[1], offset, int(words[2]))
        offset += int(words[2]) + 1
