"""The cache as the other rooms see it: files by their content, and what is remembered of index pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page

if TYPE_CHECKING:
    from cachi2ish.core.cache_contents import CacheContents, Entry, Finding


class BlobWriter(Protocol):
    """A file on its way into the cache: invisible to readers until `commit`."""

    @property
    def offset(self) -> int:
        """How many bytes are there already, left by an attempt that was cut off."""
        ...

    def write(self, chunk: bytes) -> None:
        """Append bytes, and feed them to the hashes. Raises `StorageError`."""
        ...

    def restart(self) -> None:
        """Forget all bytes, because the server does not continue or what was there belongs to another file."""
        ...

    def digest(self, algorithm: str, size: int = 32) -> Digest:
        """Return the digest of all bytes so far. Only algorithms named to `BlobStore.writer`, and sha256.

        size: bytes, for SHAKE, whose length is free; of no effect on the others.
        """
        ...

    def duplicate(self) -> int:
        """Return a descriptor of its own, to be closed, for reading what is there and what is still to come.

        `restart` cuts the file that it reads. Raises `StorageError`.
        """
        ...

    def commit(self) -> Blob:
        """Make the file visible under its sha256, atomically; also under every digest that was computed."""
        ...


class BlobStore(Protocol):
    """A content-addressed store that many threads and processes may share."""

    def find(self, digests: Collection[Digest]) -> Blob | None:
        """Return the blob that has all of ``digests``, re-hashed now, or None.

        A blob that is damaged is removed, and is then not found. Weak digests alone find nothing.
        Raises `StorageError`.
        """
        ...

    def writer(self, key: str, algorithms: Iterable[str]) -> AbstractContextManager[BlobWriter]:
        """Open a file to write.

        key: names the source (a URL with its promised digests), so that an attempt that was cut off is
        taken up again. Leaving the context without `commit` keeps the bytes for that; `discard` forgets them.
        Where a file that was taken up again proves wrong, what was there may be to blame: `discard` it and
        fetch it once more from zero. A key that is being written elsewhere begins from zero too.
        """
        ...

    def discard(self, key: str) -> None:
        """Forget what an earlier attempt left under ``key``, or what an open writer of it would leave."""
        ...


class SharedBlobStore(BlobStore, Protocol):
    """A store in which one can see what others are writing."""

    def growing(self, key: str) -> int | None:
        """Return a descriptor, to be closed, for reading what is being written under ``key``, by whomever.

        None where nothing is. It reads the same file when that is whole and has its place.
        """
        ...

    def room(self) -> int:
        """Return how many bytes more the disk has room for. Raises `StorageError`."""
        ...


class KeptPage(Struct, frozen=True, kw_only=True):
    """What an index said of a project when it was last asked.

    page: None where it said that it has no such project. fetched_at: as of when it said so, aware.
    complete: whether all files of the requested versions are kept; without a page, whether the index said
    so, and not only that nobody may see it.
    """

    page: Page | None
    fetched_at: datetime
    complete: bool = True


class Catalogue(Protocol):
    """What indexes said of projects, so that a second run asks nothing. Indexes are named by their addresses."""

    def kept_page(self, index: str, project: str, versions: Collection[str] = ()) -> KeptPage | None:
        """Return what ``index`` said of ``project``, with the files of ``versions`` (empty for all), or None."""
        ...

    def keep_page(self, page: Page, etag: str = "", versions: Collection[str] = ()) -> bool:
        """Keep a page in the place of what its index said before, as of `Page.fetched_at`; never a credential.

        Return whether all of it is kept.
        etag: what tells whether it is still the same (RFC 9110, 8.8.3); empty where there is nothing.
        versions: those that are quick to read afterwards.
        """
        ...

    def keep_absence(self, index: str, project: str, fetched_at: datetime, *, certain: bool = True) -> None:
        """Keep that ``index`` has no such project; not ``certain``: it may have one that it does not show."""
        ...

    def etag(self, index: str, project: str) -> str | None:
        """Return the ETag of the page that is kept whole, or None."""
        ...

    def confirmed_page(self, index: str, project: str, fetched_at: datetime) -> Page | None:
        """Return the page that is kept, which is still the same at ``fetched_at``; None where it is damaged."""
        ...


class Recollection(Protocol):
    """Small facts about content that never change, so that they are found out once."""

    def get(self, key: str) -> str | None:
        """Return the text that was put under ``key``, or None. Safe to call from many threads."""
        ...

    def put(self, key: str, value: str) -> None:
        """Remember ``value`` under ``key``; neither may hold a credential."""
        ...


class Memory(Catalogue, Recollection, Protocol):
    """All that is remembered beside the files."""


class Pruning(Protocol):
    """A store of files out of which some are being removed, beside processes that use it."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files that may go, as they were when pruning began."""
        ...

    def remove(self, entry: Entry) -> bool:
        """Remove a file unless somebody uses it; return whether it is gone. Raises `StorageError`."""
        ...

    def remove_dangling_links(self) -> int:
        """Remove links to files that are not there (any more); return how many. Raises `StorageError`."""
        ...

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Return what indexes have called the files, by `Entry.path`, as far as that is known.

        Raises `StorageError`.
        """
        ...

    def other_size(self) -> int:
        """Return the bytes of what is there beside `entries` now. Raises `StorageError`."""
        ...


class CachePruning(Pruning, Protocol):
    """The pruning of a cache, which has a catalogue beside its files."""

    def forget(self, unused_since: datetime) -> int:
        """Remove what the catalogue knows and nobody has used since; return how much. Raises `StorageError`."""
        ...

    def shrink_catalogue(self) -> None:
        """Give the space of what was forgotten back to the disk. Raises `StorageError`."""
        ...


class Housekeeping(Protocol):
    """A cache as its owner sees it; it need not be there, and is never made."""

    @property
    def directory(self) -> Path:
        """Where it is, or would be."""
        ...

    @property
    def exists(self) -> bool:
        """Whether there is such a directory; False, too, where that cannot be told."""
        ...

    def contents(self) -> CacheContents:
        """Return what the cache holds. Raises `StorageError` where it cannot be read."""
        ...

    def verify(self, on_verified: Callable[[int], None], *, repair: bool) -> tuple[Finding, ...]:
        """Read everything, and return what is wrong; with ``repair`` it is removed. Raises `StorageError`.

        on_verified: is called for each file that is what its name promises, with its bytes.
        """
        ...

    def pruning(self, *, pretend: bool) -> CachePruning:
        """Begin to remove; raises `StorageError` where nothing can be. pretend: look, and remove nothing."""
        ...
