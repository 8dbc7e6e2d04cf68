"""What is in a gzipped tar archive, decompressed piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from cachi2ish.files.inflate import inflater
from cachi2ish.sdists.forward import Budget, TooLargeError

#: Bytes: whatever stands in an archive begins with a new one.
BLOCK = 512

_PORTION = 1 << 16


class GzipReader:
    """Reads the decompressed bytes of one gzip member, from front to back.

    All methods raise `EOFError` at the end, `TooLargeError` where a limit is passed, and `InflateError`.
    """

    __slots__ = ("_at", "_budget", "_end", "_file", "_inflater", "_left", "_piece")

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self._file = file
        self._left = budget.limits.total
        self._budget = budget
        self._inflater = inflater()
        self._piece = b""
        self._at = self._end = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        at = self._at
        if at + size <= self._end:
            self._at = at + size
            return self._piece[at : at + size]
        parts = [self._piece[at:]]
        missing = size - len(parts[0])
        while missing:
            self._more()
            self._at = min(missing, self._end)
            parts.append(self._piece[: self._at])
            missing -= self._at
        return b"".join(parts)

    def take_blocks(self, size: int) -> bytes:
        """Return the next ``size`` bytes, and pass over what fills the last block."""
        taken = self.take(size)
        self.skip(-size % BLOCK)
        return taken

    def pass_over(self, passing: Callable[[bytes, int, int], int]) -> None:
        """Pass over as much as ``passing`` says.

        It is called with bytes, where those begin that were not read, and where they end. It returns where to go
        on, which may lie behind the end: then it is asked again, with what follows.
        """
        self._at = passing(self._piece, self._at, self._end)
        while self._at >= self._end:
            self._at -= self._end
            self._more()
            if self._at < self._end:
                self._at = passing(self._piece, self._at, self._end)

    def skip(self, size: int) -> None:
        """Pass over the next ``size`` bytes."""
        self._at += size
        while self._at > self._end:
            self._at -= self._end
            self._more()

    def _more(self) -> None:
        inflater = self._inflater
        data = self._file.read(_PORTION) if inflater.needs_input else b""
        if inflater.eof or (inflater.needs_input and not data):
            raise EOFError
        self._piece = b""  # the next one takes its memory, which the processor still has near
        # A limit, because a kilobyte of an archive that was made to do harm becomes a megabyte.
        self._piece = inflater.decompress(data, 4 * _PORTION)
        self._end = len(self._piece)
        self._left -= self._end
        if self._left < 0:
            raise TooLargeError(f"it has more than {self._budget.limits.total} bytes")
        self._budget.check()
