"""Removing from a cache, and never from under a process that uses it (``docs/adr/0015-…``)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from cachi2ish.advice import Place
from cachi2ish.cache.blob_writer import remove_partial
from cachi2ish.cache.inspection import is_dangling, remove_link
from cachi2ish.cache.layout import Layout
from cachi2ish.cache.running import is_read_unnoted
from cachi2ish.cache.scan import Scan, moment
from cachi2ish.cache.upkeep import Upkeep
from cachi2ish.core.cache_contents import Entry, EntryKind
from cachi2ish.errors import StorageError
from cachi2ish.files.locks import locked
from cachi2ish.files.os_errors import storage_errors


class DiskPruning:
    """Implements `cachi2ish.cache.interface.CachePruning`."""

    def __init__(
        self, layout: Layout, upkeep: Upkeep, scan: Scan, spared_since: datetime | None, *, pretend: bool
    ) -> None:
        self._layout = layout
        self._upkeep = upkeep
        self._scan = scan
        self._spared_since = spared_since
        self._pretend = pretend

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files, as they were when pruning began."""
        scan = self._scan
        return (*(blob.entry for blob in scan.blobs), *scan.unfinished, *scan.leftovers)

    def spares(self, entry: Entry) -> bool:
        """Return whether a running process may be using the file."""
        return entry.kind is EntryKind.FILE and self._spared_since is not None and entry.used >= self._spared_since

    def remove(self, entry: Entry) -> bool:
        """Remove a file unless somebody uses it; return whether it is gone. Raises `StorageError`."""
        if self.spares(entry):
            return False
        if self._pretend:
            return True
        path = self._layout.root / entry.path
        with storage_errors(f"{entry.path} cannot be removed from the cache {self._layout.root}", Place.CACHE):
            if path.parent == self._layout.partial:
                return remove_partial(self._layout.folder, path)
            if entry.kind is EntryKind.FILE:
                return self._remove_blob(entry)
            self._layout.folder.unlink(path, missing_ok=True)
            return True

    def remove_dangling_links(self) -> int:
        """Remove links to files that are not there (any more); return how many. Raises `StorageError`."""
        links = [link for link in self._scan.links if is_dangling(self._layout, link)]
        if self._pretend:
            return len(links)
        with storage_errors(f"links cannot be removed from the cache {self._layout.root}", Place.CACHE):
            return sum(remove_link(self._layout, link) for link in links if is_dangling(self._layout, link))

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return what indexes have called the files, by `Entry.path`. Raises `StorageError`."""
        paths = {f"sha256:{blob.sha256}": blob.entry.path for blob in self._scan.blobs}
        for link in self._scan.links:
            path = paths.get(f"sha256:{link.sha256}")
            if path is not None:
                paths[str(link.digest)] = path
        found: dict[str, set[str]] = {}
        with self._catalogue_errors("read"):
            for file in self._upkeep.files():
                for path in {paths[digest] for digest in map(str, file.digests) if digest in paths}:
                    found.setdefault(path, set()).add(file.filename)
        return {path: tuple(sorted(names)) for path, names in found.items()}

    def forget(self, unused_since: datetime) -> int:
        """Remove what the catalogue knows and nobody has used since; return how much. Raises `StorageError`."""
        limit = unused_since if self._spared_since is None else min(unused_since, self._spared_since)
        with self._catalogue_errors():
            return self._upkeep.forget(limit, pretend=self._pretend)

    def shrink_catalogue(self) -> None:
        """Give the space of what was forgotten back to the disk. Raises `StorageError`."""
        if not self._pretend:
            with self._catalogue_errors():
                self._upkeep.shrink()

    def other_size(self) -> int:
        """Return the bytes of the catalogue now. Raises `StorageError`."""
        with self._catalogue_errors():
            return self._upkeep.size()

    def _remove_blob(self, entry: Entry) -> bool:
        path = self._layout.root / entry.path
        folder = self._layout.folder
        with locked(self._layout.lock, folder):
            with suppress(FileNotFoundError):
                if moment(folder.status(path).st_mtime_ns) != entry.used or is_read_unnoted(self._layout):
                    return False
                folder.unlink(path)
            return True

    @contextmanager
    def _catalogue_errors(self, done: str = "made smaller") -> Iterator[None]:
        problem = f"the catalogue of the cache {self._layout.root} cannot be {done}"
        try:
            with storage_errors(problem, Place.CACHE):
                yield
        except sqlite3.Error as error:
            raise StorageError(
                f"{problem}: {error}", hint="run again when there is space, and nobody writes"
            ) from error
