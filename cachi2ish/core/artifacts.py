"""Files on their way: what is to be fetched and how it must look, and what has arrived and why it is trusted."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from cachi2ish.core.digests import Digest, any_strong
from cachi2ish.core.structs import compared_without
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin


class Artifact(Struct, frozen=True, kw_only=True, gc=False):
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
        return any_strong(self.digests) or any_strong(self.allowed)


def file_number(device: int, inode: int) -> int:
    """Return one number for a file, of its device and inode; unique on this machine."""
    return device << 64 | inode


def blob_path(folder: Path, digits: str) -> Path:
    """Return where the file is that is addressed by these hexadecimal digits: ``folder/ab/cdef…``."""
    return Path(folder, digits[:2], digits[2:])


class Blob(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A file in the cache, whole and checked. sha256: what it is addressed by; folder: that of all such files.

    file_id: the `file_number` of the file that was checked. In a cache that others may write to, another one may
    be at `path` by now. None where nobody else writes.
    """

    sha256: str
    size: int
    folder: Path
    file_id: int | None = None

    __eq__, __hash__ = compared_without("file_id")

    @property
    def path(self) -> Path:
        """Where it is; do not change it. Made when it is asked for: it weighs ten times as much as the rest."""
        return blob_path(self.folder, self.sha256)

    @property
    def digest(self) -> Digest:
        """The digest that addresses it."""
        return Digest("sha256", self.sha256)
