"""How large an archive may be: far above what is honest, far below what harms (decompression bombs)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO

_MIB = 1 << 20


class TooLargeError(Exception):
    """A limit was passed; the message says which, as a clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All but ``members`` in bytes.

    members: entries of an archive. total: all of it unpacked. piece: what is read at once, so the length of a
    header. metadata: a PKG-INFO or METADATA. file: a file that may be unpacked to find name and version;
    larger ones are left out. unpacked: all of those together.
    """

    members: int = 500_000
    total: int = 8192 * _MIB
    piece: int = 16 * _MIB
    metadata: int = 8 * _MIB
    file: int = _MIB
    unpacked: int = 128 * _MIB


_CHUNK = 1 << 18


class Forward(io.RawIOBase):
    """What `tarfile` needs of a file, over a decompressor.

    It skips by reading on. A real seek backwards would decompress from the start again; tarfile goes back by
    one byte at most (it looks whether a member's last byte exists), so that byte is kept.
    Raises `TooLargeError` where a single piece, or everything together, is larger than any honest archive needs:
    sizes in an archive are its author's word.
    """

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        super().__init__()
        self._file = file
        self._limits = limits
        self._position = 0
        self._last = b""
        self._again = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: forwards."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return exactly ``size`` bytes, or fewer at the end."""
        if size is None or size < 0 or size > self._limits.piece:
            raise TooLargeError(f"a part of it claims to have {size} bytes")
        return self._take(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go on to ``offset``; stops at the end of the file."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        if offset == self._position - 1 and self._last and not self._again:
            self._again = True
            self._position = offset
            return offset
        if offset < self._position:
            raise io.UnsupportedOperation("backwards")
        while self._position < offset:
            if not self._take(min(_CHUNK, offset - self._position)):
                break
        return self._position

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def _take(self, size: int) -> bytes:
        kept = b""
        if self._again and size:
            kept, self._again = self._last, False
        content = kept + self._file.read(size - len(kept))
        self._position += len(content)
        self._last = content[-1:] or self._last
        if self._position > self._limits.total:
            raise TooLargeError(f"it unpacks to more than {self._limits.total} bytes")
        return content
