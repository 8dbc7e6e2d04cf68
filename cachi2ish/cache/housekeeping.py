"""A cache as its owner sees it: how large, whether whole, and what may go. Beside any number of fetches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.cache.inspection import Inspector
from cachi2ish.cache.layout import Layout
from cachi2ish.cache.memory.signing import Signer
from cachi2ish.cache.pruning import DiskPruning
from cachi2ish.cache.running import oldest_start
from cachi2ish.cache.scan import Scan, moment, scan_directory
from cachi2ish.cache.upkeep import Upkeep
from cachi2ish.core.cache_contents import Amount, CacheContents, Entry, Finding
from cachi2ish.files.locks import locked
from cachi2ish.files.os_errors import cache_errors, storage_errors
from cachi2ish.files.user_files import kind_of


class DiskHousekeeping:
    """Implements `cachi2ish.cache.interface.Housekeeping`, for a directory that need not be there."""

    def __init__(self, directory: Path, catalogue: Path, signer: Signer | None = None) -> None:
        """Look after the blobs in ``directory``, and the database at ``catalogue``. Nothing is touched yet.

        signer: whose rows are verified; None for this user's own.
        """
        self._layout = Layout(directory.absolute())
        self._upkeep = Upkeep(catalogue, signer)
        self._catalogue = catalogue

    @property
    def directory(self) -> Path:
        """Where the cache is, or would be."""
        return self._layout.root

    @property
    def exists(self) -> bool:
        """Whether there is such a directory; False, too, where that cannot be told."""
        return kind_of(self.directory) != 0

    def contents(self) -> CacheContents:
        """Return what the cache holds; makes nothing. Raises `StorageError` where it cannot be read."""
        if not self.exists:
            return CacheContents(directory=self.directory, exists=False)
        with self._reading():
            scan = self._scan()
            catalogue = self._upkeep.contents()
        files = [blob.entry for blob in scan.blobs]
        used = [entry.used for entry in (*files, *scan.unfinished)]
        used += [instant for instant in (catalogue.oldest, catalogue.newest) if instant is not None]
        return CacheContents(
            directory=self.directory,
            exists=True,
            files=_amount(files),
            unfinished=_amount(scan.unfinished),
            leftovers=_amount(scan.leftovers),
            catalogue=catalogue,
            oldest_use=min(used, default=None),
            newest_use=max(used, default=None),
        )

    def verify(self, on_verified: Callable[[int], None], *, repair: bool) -> tuple[Finding, ...]:
        """Read everything, and return what is wrong; with ``repair`` it is removed. Raises `StorageError`."""
        if not self.exists:
            return ()
        with self._reading():
            scan = self._scan()
        with self._writing() if repair else self._reading():
            if repair and self._layout.blobs.exists():
                self._touch()
            findings = list(Inspector(self._layout, repair=repair).inspect(scan, on_verified))
            wrong = self._upkeep.inspect()
            if wrong is not None:
                if repair:
                    self._upkeep.set_aside()
                findings.append(replace(wrong, repaired=repair))
        return tuple(findings)

    def pruning(self, *, pretend: bool) -> DiskPruning:
        """Begin to remove; raises `StorageError` where nothing can be. pretend: look, and remove nothing."""
        with self._reading() if pretend else self._writing():
            # First the time, then who is running: who begins after that touches what it uses after that.
            now = None if pretend or not self._layout.blobs.exists() else self._touch()
            running = self._layout.running
            started = oldest_start(running) if running.exists() else None
            spared = min((time for time in (now, started) if time is not None), default=None)
            since = None if spared is None else moment(spared)
            return DiskPruning(self._layout, self._upkeep, self._scan(), since, pretend=pretend)

    def _scan(self) -> Scan:
        return scan_directory(self._layout, self._catalogue)

    def _touch(self) -> int:
        """Return the time by the clock of the file system, in nanoseconds; fails where nothing can be written."""
        folder = self._layout.folder
        with locked(self._layout.lock, folder):
            folder.touch(self._layout.lock)
            return folder.status(self._layout.lock).st_mtime_ns

    def _reading(self) -> AbstractContextManager[None]:
        return storage_errors(f"the cache {self.directory} cannot be read", Place.CACHE)

    def _writing(self) -> AbstractContextManager[None]:
        return storage_errors(cache_errors(self.directory), Place.CACHE)


def _amount(entries: Iterable[Entry]) -> Amount:
    sizes = [entry.size for entry in entries]
    return Amount(len(sizes), sum(sizes))
