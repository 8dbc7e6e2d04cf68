"""Compressed formats without compression: DEFLATE's stored blocks (RFC 1951, 3.2.4), by our own hand.

An archive must have the same bytes on every machine. zlib's output does not: its versions, and zlib-ng, which
some distributions build Python with, compress the same input differently, and the level is no help. Stored
blocks leave nothing to choose. They cost size, which archives from git can bear: they travel from the cache to
``deps/pip`` and no further.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

_BLOCK = 0xFFFF  # what a block's 16-bit length can state

#: No name, no time, unknown system: nothing of the machine (RFC 1952).
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

#: 32 KiB window, no dictionary, lowest level (RFC 1950).
_ZLIB_HEADER = b"\x78\x01"


def gzip_stored(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a gzip stream (RFC 1952) of ``chunks``; how they are cut makes no difference."""
    yield _GZIP_HEADER
    crc = size = 0
    for data, block in _blocks(chunks):
        crc, size = zlib.crc32(data, crc), size + len(data)
        yield block
    yield struct.pack("<LL", crc, size & 0xFFFFFFFF)


def zlib_stored(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a zlib stream (RFC 1950) of ``chunks``, as git stores objects."""
    yield _ZLIB_HEADER
    checksum = 1
    for data, block in _blocks(chunks):
        checksum = zlib.adler32(data, checksum)
        yield block
    yield struct.pack(">L", checksum)


def _blocks(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while len(pending) > _BLOCK:  # one byte at least stays for the final block
            data = bytes(pending[:_BLOCK])
            del pending[:_BLOCK]
            yield data, struct.pack("<BHH", 0, _BLOCK, 0) + data
    data = bytes(pending)
    yield data, struct.pack("<BHH", 1, len(data), len(data) ^ _BLOCK) + data
