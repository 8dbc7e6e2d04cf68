"""Compressed formats without compression: DEFLATE's stored blocks (RFC 1951, 3.2.4), by our own hand.

An archive must have the same bytes on every machine. zlib's output does not: its versions, and zlib-ng, which
some distributions build Python with, compress the same input differently, and the level is no help. Stored
blocks leave nothing to choose. They cost size, which archives from git can bear: they travel from the cache to
``deps/pip`` and no further.
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

_STORED_BLOCK = 0xFFFF  # what a block's 16-bit length can state

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
        while len(pending) > _STORED_BLOCK:  # one byte at least stays for the final block
            data = bytes(pending[:_STORED_BLOCK])
            del pending[:_STORED_BLOCK]
            yield data, struct.pack("<BHH", 0, _STORED_BLOCK, 0) + data
    data = bytes(pending)
    yield data, struct.pack("<BHH", 1, len(data), len(data) ^ _STORED_BLOCK) + data


_BLOCK = 512
_END = bytes(2 * _BLOCK)

#: Wheels are zip files, which know no earlier time; later than this the header needs an extension.
_EARLIEST, _LATEST = 315_532_800, 8**11 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file, link or folder. path: from the top of the archive, in git's bytes.

    size and chunks: of a file; target: of a link. A folder has neither.
    """

    path: bytes
    kind: bytes
    permissions: int
    size: int = 0
    target: bytes = b""
    chunks: Callable[[], Iterable[bytes]] = field(default=tuple, repr=False)


def file_member(path: bytes, content: bytes) -> Member:
    """Return a plain file of which the content is known."""
    return Member(
        path=path,
        kind=tarfile.REGTYPE,
        permissions=0o644,
        size=len(content),
        chunks=lambda: (content,),
    )


def tar(top: str, members: Iterable[Member], time: int) -> Iterator[bytes]:
    """Yield the archive: ``members`` by path below the folder ``top``, all with modification time ``time``."""
    ordered = sorted(members, key=lambda member: member.path)
    for member in (Member(path=b"", kind=tarfile.DIRTYPE, permissions=0o755), *ordered):
        yield _header(top, member, time)
        yield from member.chunks()
        yield bytes(-member.size % _BLOCK)
    yield _END


def _header(top: str, member: Member, time: int) -> bytes:
    name = f"{top}/{member.path.decode('utf-8', 'surrogateescape')}".rstrip("/")
    header = tarfile.TarInfo(name)
    header.type = member.kind
    header.mode = member.permissions
    header.size = member.size
    header.mtime = min(max(time, _EARLIEST), _LATEST)
    header.linkname = member.target.decode("utf-8", "surrogateescape")
    return header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
