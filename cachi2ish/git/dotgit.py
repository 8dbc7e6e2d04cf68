"""The ``.git`` folder of an archive: as little as git needs to name the version, the same on every machine.

Its pack is written here (gitformat-pack(5)): git's own depend on its version, its settings and its number of
threads, and an archive must be the same everywhere (``docs/adr/0005-…``). It holds the objects by name, whole (no
deltas), in stored blocks.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import IO

from msgspec import Struct

from cachi2ish.git.objects import FOLDER, Entry, Objects, tagged
from cachi2ish.git.tar import zlib_stored

_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_LARGE = 1 << 31


class Pack(Struct, frozen=True):
    """What was written. name: ``pack-<checksum>``; index: the content of its ``.idx``."""

    name: str
    size: int
    index: bytes


def write_pack(objects: Objects, destination: IO[bytes]) -> Pack:
    """Write all ``objects`` to ``destination``."""
    checksum = hashlib.sha1(usedforsecurity=False)
    position = 0
    places: list[tuple[bytes, int, int]] = []

    def write(data: bytes) -> None:
        nonlocal position
        checksum.update(data)
        destination.write(data)
        position += len(data)

    write(struct.pack(">4sLL", b"PACK", 2, len(objects.stored)))
    for oid in sorted(objects.stored):
        begin, crc = position, 0
        for data in _index_entry(objects, oid):
            crc = zlib.crc32(data, crc)
            write(data)
        places.append((bytes.fromhex(oid), crc, begin))
    trailer = checksum.digest()
    destination.write(trailer)
    return Pack(f"pack-{trailer.hex()}", position + len(trailer), _index(places, trailer))


def _index_entry(objects: Objects, oid: str) -> Iterator[bytes]:
    place = objects.stored[oid]
    size = place.size >> 4
    header = bytearray([_TYPES[place.kind] << 4 | place.size & 0x0F])
    while size:
        header[-1] |= 0x80
        header.append(size & 0x7F)
        size >>= 7
    yield bytes(header)
    yield from zlib_stored(objects.chunks(oid))


def _index(places: list[tuple[bytes, int, int]], trailer: bytes) -> bytes:
    counts = [0] * 256
    for oid, _, _ in places:
        counts[oid[0]] += 1
    fanout = [sum(counts[: byte + 1]) for byte in range(256)]
    large: list[int] = []
    offsets = []
    for _, _, offset in places:
        if offset < _LARGE:
            offsets.append(offset)
        else:
            offsets.append(_LARGE | len(large))
            large.append(offset)
    content = b"".join(
        (
            b"\xfftOc",
            struct.pack(">L", 2),
            struct.pack(">256L", *fanout),
            *(oid for oid, _, _ in places),
            struct.pack(f">{len(places)}L", *(crc for _, crc, _ in places)),
            struct.pack(f">{len(offsets)}L", *offsets),
            struct.pack(f">{len(large)}Q", *large),
            trailer,
        ),
    )
    return content + hashlib.sha1(content, usedforsecurity=False).digest()


#: An entry that git takes as unchanged (git-update-index(1), ``--assume-unchanged``, ``--skip-worktree``).
_ASSUME_VALID, _EXTENDED, _SKIP_WORKTREE = 0x8000, 0x4000, 0x4000
_LONGEST_NAME = 0x0FFF

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tautocrlf = false
\tabbrev = {abbreviation}
"""

#: Files are in the archive as git stores them, so no conversion may be applied when git compares them:
#: this file overrules every .gitattributes (gitattributes(5)).
_ATTRIBUTES = "* -text !eol !crlf -ident !filter !working-tree-encoding\n"


class Unlike(Struct, frozen=True, kw_only=True):
    """Paths where the archive differs from the tree on purpose. rewritten: content; absent: not there."""

    rewritten: Collection[bytes] = frozenset()
    absent: Collection[bytes] = frozenset()


def abbreviation(objects: int) -> int:
    """Return how many digits git shortens an object name to, by its own rule for so many objects."""
    return max(7, (objects.bit_length() + 1) // 2)


def metadata_files(
    commit: str,
    references: Mapping[bytes, str],
    objects: Objects,
    shallow: Iterable[str],
    untracked: Iterable[bytes],
) -> Mapping[bytes, bytes]:
    """Return path and content of the small files. untracked: files of the archive that git must not see."""
    boundary = sorted(shallow)
    files = {
        b".git/HEAD": f"{commit}\n".encode(),
        b".git/config": _CONFIG.format(abbreviation=abbreviation(len(objects.stored))).encode(),
        b".git/info/attributes": _ATTRIBUTES.encode(),
        b".git/info/exclude": b"".join(b"/%s\n" % path for path in sorted(untracked)),
        b".git/packed-refs": _packed_refs(references, objects),
    }
    if boundary:
        files[b".git/shallow"] = "".join(f"{oid}\n" for oid in boundary).encode()
    return files


def _packed_refs(references: Mapping[bytes, str], objects: Objects) -> bytes:
    lines = [b"# pack-refs with: peeled fully-peeled sorted \n"]
    for ref, oid in sorted(references.items()):
        lines.append(b"%s %s\n" % (oid.encode(), ref))
        peeled = oid
        while (target := tagged(objects, peeled)) is not None:
            peeled = target
        if peeled != oid:
            lines.append(b"^%s\n" % peeled.encode())
    return b"".join(lines)


def index_file(entries: Iterable[Entry], unlike: Unlike) -> bytes:
    """Return an index (gitformat-index(5)) of the tree.

    All file facts in it are zero, which is what ``git read-tree`` writes: git then compares content once.
    """
    files = sorted((entry for entry in entries if entry.mode != FOLDER), key=lambda entry: entry.path)
    version = 3 if unlike.absent else 2
    content = struct.pack(">4sLL", b"DIRC", version, len(files)) + b"".join(_entry(e, unlike) for e in files)
    return content + hashlib.sha1(content, usedforsecurity=False).digest()


def _entry(entry: Entry, unlike: Unlike) -> bytes:
    flags = min(len(entry.path), _LONGEST_NAME)
    extended = b""
    if entry.path in unlike.absent:
        flags |= _EXTENDED
        extended = struct.pack(">H", _SKIP_WORKTREE)
    if entry.path in unlike.rewritten:
        flags |= _ASSUME_VALID
    facts = struct.pack(">6L", 0, 0, 0, 0, 0, 0) + struct.pack(">4L", entry.canonical_mode, 0, 0, 0)
    head = facts + bytes.fromhex(entry.oid) + struct.pack(">H", flags) + extended + entry.path
    return head + bytes(8 - len(head) % 8)
