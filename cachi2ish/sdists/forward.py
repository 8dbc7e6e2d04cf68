"""How large an archive may be: far above what is honest, far below what harms (decompression bombs)."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import IO, NamedTuple

_MIB = 1 << 20


class TooLargeError(Exception):
    """A limit was passed; the message says which, as a clause."""


class Limits(NamedTuple):
    """All in bytes but ``members``, ``links``, ``depth``, ``keys`` and ``seconds``.

    members: entries of an archive. links: in it, and places of its metadata. total: all of it unpacked.
    piece: what is read at once. header: an extended header. keys: what extended headers set for all members.
    decoder: memory of a decompressor. metadata: a PKG-INFO or METADATA. file: a file that may be unpacked to
    find name and version; larger ones are left out, and so are those below more than ``depth`` folders.
    unpacked: all of those together. seconds: processor time that looking into one archive may take.
    """

    members: int = 500_000
    links: int = 20_000
    total: int = 8192 * _MIB
    piece: int = 16 * _MIB
    header: int = _MIB
    keys: int = 1000
    decoder: int = 128 * _MIB
    metadata: int = 8 * _MIB
    file: int = _MIB
    depth: int = 24
    unpacked: int = 128 * _MIB
    seconds: float = 8.0


class Budget:
    """What one archive may still cost, however often it is read. For one thread.

    clock: seconds of processor time of the calling thread.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.thread_time) -> None:
        self.limits = limits
        self._clock = clock
        self._end = clock() + limits.seconds

    @property
    def is_spent(self) -> bool:
        """Whether no time is left."""
        return self._clock() > self._end

    @property
    def seconds_left(self) -> float:
        """What is left."""
        return self._end - self._clock()

    def charge(self, seconds: float) -> None:
        """Take away what another thread or process has spent on the archive."""
        self._end -= seconds

    def check(self) -> None:
        """Raise `TooLargeError` where no time is left."""
        if self.is_spent:
            raise TooLargeError(f"it takes more than {self.limits.seconds:g} seconds to look through")


_CHUNK = 1 << 18


class Forward(io.RawIOBase):
    """What `tarfile` needs of a file, over a decompressor.

    It skips by reading on. A real seek backwards would decompress from the start again; tarfile goes back by
    one byte at most (it looks whether a member's last byte exists), so that byte is kept.
    most: bytes of a single piece; to be raised for as long as a member's content is read.
    Raises `TooLargeError` where a single piece, or everything together, is larger than any honest archive needs:
    sizes in an archive are its author's word.
    """

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        super().__init__()
        self.most = budget.limits.header
        self._file = file
        self._budget = budget
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
        if size is None or size < 0 or size > self.most:
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
        if self._position > self._budget.limits.total:
            raise TooLargeError(f"it unpacks to more than {self._budget.limits.total} bytes")
        self._budget.check()
        return content
