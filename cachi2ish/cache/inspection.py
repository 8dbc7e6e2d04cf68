"""Whether everything in a cache is what its name promises."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path

from cachi2ish.cache.hashing import Buffers, Hashes
from cachi2ish.cache.layout import Layout
from cachi2ish.cache.scan import Link, Scan, StoredBlob
from cachi2ish.core.cache_contents import Finding, Flaw
from cachi2ish.files.locks import locked
from cachi2ish.files.os_errors import FORBIDDEN

#: More hashing at once than this a disk seldom feeds, and a machine may not spare.
_THREADS = 4


class Inspector:
    """Looks at a cache; with ``repair`` it removes what is wrong. May run beside any number of processes.

    Nothing is lost by that: what is removed would not be used by anybody, and is fetched anew.
    """

    def __init__(self, layout: Layout, *, repair: bool) -> None:
        self._layout = layout
        self._repair = repair
        self._buffers = Buffers()

    def inspect(self, scan: Scan, on_verified: Callable[[int], None]) -> Iterator[Finding]:
        """Yield what is wrong with blobs and links; reads all of them. Raises `OSError` where repairing fails.

        on_verified: is called for each blob that is what its name promises, in the calling thread, with its bytes.
        """
        yield from self._blobs(scan, on_verified)
        for link in scan.links:
            if link.sha256 is None:
                yield from self._link(link, Flaw.MISLEADING, "leads to no place of a file")
            elif is_dangling(self._layout, link):
                yield from self._link(link, Flaw.DANGLING, "leads to a file that is not there")
        for path in scan.obstacles:
            yield self._obstacle(path)
        for path in scan.strays:
            yield Finding(Flaw.STRAY, path, "does not belong to the cache")

    def _blobs(self, scan: Scan, on_verified: Callable[[int], None]) -> Iterator[Finding]:
        links: dict[str | None, list[Link]] = {}
        for link in scan.links:
            links.setdefault(link.sha256, []).append(link)

        def inspect(blob: StoredBlob) -> tuple[bool, tuple[Finding, ...]]:
            leading = links.get(blob.sha256, ())
            hashes, finding = self._hashed(blob, {link.digest.algorithm for link in leading})
            if hashes is None:
                return False, () if finding is None else (finding,)
            return True, tuple(self._misleading(leading, hashes))

        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="verify")
        try:
            for blob, (sound, findings) in zip(scan.blobs, pool.map(inspect, scan.blobs), strict=True):
                if sound:
                    on_verified(blob.entry.size)
                yield from findings
        finally:
            pool.shutdown(cancel_futures=True)

    def _hashed(self, blob: StoredBlob, algorithms: Collection[str]) -> tuple[Hashes | None, Finding | None]:
        """Return the digests of a blob that is what its name promises, else what is wrong.

        Neither, where it was removed or put right meanwhile: nothing is wrong with that.
        """
        path = self._layout.blob(blob.sha256)
        hashes = Hashes({"sha256", *algorithms})
        try:
            file = FileIO(self._layout.folder.open(path, os.O_RDONLY))
        except FileNotFoundError:
            return None, None
        except OSError as error:
            return None, self._unreadable(blob, error)
        with file:
            try:
                hashes.update_from(file, self._buffers)
            except OSError as error:
                return None, self._unreadable(blob, error)
            found = hashes.digest("sha256")
            if found.value == blob.sha256:
                return hashes, None
            if not self._still_there(path, file):
                return None, None
            detail = f"has {found}, which is not what its name promises"
            return None, Finding(Flaw.DAMAGED, blob.entry.path, detail, self._repair)

    def _misleading(self, links: Iterable[Link], hashes: Hashes) -> Iterator[Finding]:
        for link in links:
            digest = hashes.digest(link.digest.algorithm, len(link.digest.value) // 2)
            if digest != link.digest:
                yield from self._link(link, Flaw.MISLEADING, f"leads to a file with {digest}")

    def _still_there(self, path: Path, file: FileIO) -> bool:
        """Return False where somebody has put the file right meanwhile; else it is removed, for a repair."""
        folder = self._layout.folder
        if not self._repair:
            return folder.is_at(file.fileno(), path)
        with locked(self._layout.lock, folder):
            if not folder.is_at(file.fileno(), path):
                return False
            folder.unlink(path)
            return True

    def _unreadable(self, blob: StoredBlob, error: OSError) -> Finding:
        # A file of another user may be in order; one that the disk does not give any more is lost.
        lost = self._repair and error.errno not in FORBIDDEN
        if lost:
            with locked(self._layout.lock, self._layout.folder), suppress(FileNotFoundError):
                self._layout.folder.unlink(self._layout.blob(blob.sha256))
        detail = f"cannot be read: {error.strerror or error}"
        return Finding(Flaw.UNREADABLE, blob.entry.path, detail, lost)

    def _link(self, link: Link, flaw: Flaw, detail: str) -> Iterator[Finding]:
        path = self._layout.link(link.digest)
        if path is not None and (not self._repair or remove_link(self._layout, link)):
            yield Finding(flaw, path.relative_to(self._layout.root).as_posix(), detail, self._repair)

    def _obstacle(self, path: str) -> Finding:
        place = self._layout.root / path
        # A directory may hold what is somebody's own.
        removed = self._repair and (place.is_symlink() or not place.is_dir())
        if removed:
            self._layout.folder.unlink(place, missing_ok=True)
        return Finding(Flaw.OBSTACLE, path, "is in the place of something else, and is not used", removed)


def is_dangling(layout: Layout, link: Link) -> bool:
    """Return whether the blob that the link leads to is not there now."""
    return link.sha256 is not None and not os.path.lexists(layout.blob(link.sha256))


def remove_link(layout: Layout, link: Link) -> bool:
    """Remove a link, unless it leads elsewhere by now; return whether that was done. Raises `OSError`."""
    path = layout.link(link.digest)
    with locked(layout.lock, layout.folder):
        if path is None or layout.address(link.digest) != link.sha256 or layout.folder.target(path) is None:
            return False
        layout.folder.unlink(path)
        return True
