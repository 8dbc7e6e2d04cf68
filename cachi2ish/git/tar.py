"""A tar archive (POSIX.1-2001, pax) with nothing of the machine in it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

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
