"""Where things are in a cache directory.

::

    blobs/sha256/ab/cdef…      the files, read-only, named by their sha256; mtime: when last used
    blobs/sha512/12/3456…      a link to the file under sha256; the same for every other strong algorithm
    partial/<sha256 of a key>  what has arrived of a file; locked (flock) while somebody writes
    partial/<…>.<random>.tmp   the same for a second writer of one key; removed when it ends
    running/<random>           locked (flock) while a process has the cache open; mtime: when it started
    catalogue.sqlite           what indexes said of projects, see `cachi2ish.cache.memory.schema`
    catalogue.key              by which its rows are known, for its owner alone, see `cachi2ish.cache.memory`
    catalogue-<uid>.key        the same for another user

Nothing is synced to disk file by file: whoever takes a blob hashes it again, so that what a power cut has torn
is found, removed and fetched anew.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from cachi2ish.cache.hashing import SHAKE_BYTES
from cachi2ish.core.artifacts import blob_path
from cachi2ish.core.digests import Digest
from cachi2ish.files.folder import Folder

#: The mode of a cache that we make; a folder that is there keeps its own.
OWN_FOLDER = 0o700

_SHA256 = re.compile("[0-9a-f]{64}")
_HEXADECIMAL = re.compile("[0-9a-f]{8,}")


@lru_cache(4)  # each blob has it
def _files(root: Path) -> Path:
    return root / "blobs/sha256"


class Layout(Struct, frozen=True):
    """The places below ``root``."""

    root: Path

    @property
    def folder(self) -> Folder:
        """The cache as a folder in which links are not followed: others may write to it."""
        return Folder(self.root)

    @property
    def blobs(self) -> Path:
        """All blobs."""
        return self.root / "blobs"

    @property
    def partial(self) -> Path:
        """Files that are on their way."""
        return self.root / "partial"

    @property
    def lock(self) -> Path:
        """Held while a blob is put in place or removed, and shared while one is touched: these do not cross."""
        return self.blobs / ".lock"

    @property
    def running(self) -> Path:
        """A file for each process that has the cache open."""
        return self.root / "running"

    @property
    def readers(self) -> Path:
        """Shared by processes that use blobs and cannot touch them."""
        return self.blobs / ".readers"

    @property
    def files(self) -> Path:
        """Where blobs are, in folders by the beginning of their sha256 (see `Blob`)."""
        return _files(self.root)

    def blob(self, sha256: str) -> Path:
        """Return the place of the blob with this sha256."""
        return blob_path(self.files, sha256)

    def partial_of(self, key: str) -> Path:
        """Return the place of a file on its way; the key may hold credentials, and is not to be read off it."""
        return self.partial / hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    def link(self, digest: Digest) -> Path | None:
        """Return the place that leads from another strong digest to its blob; None for a malformed one."""
        value = digest.value
        if digest.algorithm.startswith("shake"):
            value = value[: 2 * SHAKE_BYTES]  # a longer digest begins with the shorter one
        if not _HEXADECIMAL.fullmatch(value):
            return None
        return blob_path(self.blobs / digest.algorithm, value)

    def address(self, digest: Digest) -> str | None:
        """Return the sha256 of the blob that is said to have ``digest``, or None."""
        if digest.algorithm == "sha256":
            return digest.value if _SHA256.fullmatch(digest.value) else None
        link = self.link(digest)
        try:
            target = link.readlink().parts if link else ()
        except OSError:  # not there, or not a link
            return None
        sha256 = "".join(target[-2:])
        return sha256 if _SHA256.fullmatch(sha256) else None

    def target(self, sha256: str) -> str:
        """Return what a link to the blob holds: relative, so that a cache may be moved."""
        return str(blob_path(Path("../../sha256"), sha256))
