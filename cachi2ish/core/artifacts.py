"""Files on their way: what is to be fetched and how it must look, and what has arrived and why it is trusted."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from cachi2ish.core.digests import Digest, strong
from cachi2ish.core.structs import compared_without
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin


class Artifact(Struct, frozen=True, kw_only=True):
    """A file to fetch.

    filename: checked to be a plain file name.
    digests: what the index declares; every one of them must hold.
    allowed: what the lock file declares; where it is not empty, at least one of them must hold.
    size: bytes as the index declares them, or None; a different length is a mismatch.
    origin: the requirement to name when it fails.
    """

    filename: str
    url: Address
    digests: frozenset[Digest] = frozenset()
    allowed: frozenset[Digest] = frozenset()
    size: int | None = None
    origin: Origin

    @property
    def verifiable(self) -> bool:
        """Whether the lock file or the index states a digest that proves the file (DESIGN: unverified)."""
        return bool(strong(self.digests) or strong(self.allowed))


class Blob(Struct, frozen=True, kw_only=True, eq=False):
    """A file in the cache, whole and checked. path: do not change it; sha256: what it is addressed by.

    inode: device and number of the file that was checked. In a cache that others may write to, another one may be
    at ``path`` by now. None where nobody else writes.
    """

    sha256: str
    size: int
    path: Path
    inode: tuple[int, int] | None = None

    __eq__, __hash__ = compared_without("inode")

    @property
    def digest(self) -> Digest:
        """The digest that addresses it."""
        return Digest("sha256", self.sha256)
