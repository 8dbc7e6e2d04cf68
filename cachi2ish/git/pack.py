"""A git pack with its index, the same for the same objects (gitformat-pack(5)).

Git's own packs depend on its version, its settings and its number of threads. This one holds the objects by
name, whole (no deltas), in stored blocks.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from cachi2ish.git.objects import Objects
from cachi2ish.git.tar import zlib_stored

_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_LARGE = 1 << 31


@dataclass(frozen=True, slots=True)
class Pack:
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
        for data in _entry(objects, oid):
            crc = zlib.crc32(data, crc)
            write(data)
        places.append((bytes.fromhex(oid), crc, begin))
    trailer = checksum.digest()
    destination.write(trailer)
    return Pack(f"pack-{trailer.hex()}", position + len(trailer), _index(places, trailer))


def _entry(objects: Objects, oid: str) -> Iterator[bytes]:
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
