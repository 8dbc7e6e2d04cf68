"""Several digests of the same bytes in one pass."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from io import FileIO

from cachi2ish.core.digests import Digest

_BUFFER = 1 << 18

#: Bytes of a SHAKE digest when nobody asks for another length.
SHAKE_BYTES = 32


class Buffers(threading.local):
    """A buffer for each thread. One for each file would be given to it, page by page, by the kernel."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(_BUFFER))


class Hashes:
    """Running hashes. algorithms: in hashlib's spelling, those of `cachi2ish.core.digests.ALGORITHMS`."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        # md5 is compared but never trusted, and a FIPS build of OpenSSL wants to be told so.
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(set(algorithms))}

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(self._hashes)

    def update(self, data: bytes | memoryview) -> None:
        """Feed bytes to all of them."""
        for running in self._hashes.values():
            running.update(data)

    def update_from(self, file: FileIO, buffers: Buffers) -> int:
        """Feed an unbuffered file from its position to its end; return how many bytes there were."""
        buffer, total = buffers.buffer, 0
        while count := file.readinto(buffer):
            self.update(buffer[:count])
            total += count
        return total

    def digest(self, algorithm: str, size: int = SHAKE_BYTES) -> Digest:
        """Return a digest of what has been fed so far. size: bytes, for SHAKE, whose length is free."""
        running = self._hashes[algorithm]
        if algorithm.startswith("shake"):
            return Digest(algorithm, running.digest(size).hex())  # type: ignore[call-arg]  # typeshed: hashlib.new
        return Digest(algorithm, running.hexdigest())
