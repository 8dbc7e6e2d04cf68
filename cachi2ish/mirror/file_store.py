"""The files that the mirror holds, in a store of the same form as the cache of ``fetch-deps``."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from cachi2ish.cache.interface import BlobStore, Recollection, SharedBlobStore
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.digests import Digest
from cachi2ish.core.distributions import is_wheel
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, NetworkError, Origin, StorageError
from cachi2ish.http.interface import Downloader
from cachi2ish.mirror.claims import Claim, Claims, Follow
from cachi2ish.mirror.records import recollected
from cachi2ish.mirror.relay import Download, Relay, TappedStore
from cachi2ish.sdists.interface import WheelReader

_log = logging.getLogger(__name__)

#: Seconds after which a file that is served often is hashed again.
_TRUSTED_FOR = 3600.0

#: Files whose last check is remembered.
_MOST_CHECKED = 50_000

_LINE = re.compile("([0-9a-f]{64}) ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a file is to be had. url: with the credentials that belong to it."""

    url: Address
    filename: str
    digests: frozenset[Digest]
    size: int | None


class MetadataDigests:
    """From the sha256 of wheels to that of the metadata in them: lines in a file.

    Two processes may append to it, and each knows what it has found there at its start, or when it looked again.
    """

    def __init__(self, path: Path) -> None:
        """Read ``path``, which need not be there. What is no whole line is passed over."""
        self._path = path
        self._known: dict[str, str] = {}
        self._read = 0
        self._read_more()

    def of(self, wheel: str) -> str | None:
        """Return the sha256 of the metadata of a wheel, by its own."""
        return self._known.get(wheel)

    def of_any(self, wheel: str) -> str | None:
        """Return the same, also where another process has put it since. Raises `OSError`."""
        if wheel not in self._known:
            self._read_more()
        return self._known.get(wheel)

    def _read_more(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines, end, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        self._read += len(lines + end)
        self._known.update(_LINE.findall((lines + end).decode("ascii", "replace")))

    def put(self, wheel: str, metadata: str) -> None:
        """Remember it. Raises `OSError`."""
        if self._known.get(wheel) == metadata:
            return
        with self._path.open("ab", buffering=0) as file:
            file.write(f"{wheel} {metadata}\n".encode())
        self._known[wheel] = metadata


class FileStore:
    """Files by their key (`HistoricFile.key`), held, or on their way from an upstream. For the event loop.

    downloader: makes what brings files into a store. claims: of all processes that share it. executor: reads and
    hashes. clock: seconds.
    """

    def __init__(
        self,
        *,
        blobs: SharedBlobStore,
        recollection: Recollection,
        metadata: MetadataDigests,
        downloader: Callable[[BlobStore], Downloader],
        wheels: WheelReader,
        relay: Relay,
        claims: Claims,
        executor: Executor,
        clock: Callable[[], float],
    ) -> None:
        self.metadata_digests = metadata
        self._blobs = blobs
        self._recollection = recollection
        self._downloader = downloader
        self._wheels = wheels
        self._relay = relay
        self._claims = claims
        self._executor = executor
        self._clock = clock
        self._checked: OrderedDict[str, tuple[Blob, float]] = OrderedDict()

    async def held(self, key: str) -> Blob | None:
        """Return the file, hashed within the last hour, or None where it is not held. Raises `StorageError`."""
        known = self.held_now(key)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        blob = await loop.run_in_executor(self._executor, self._find, key)
        self._remember(key, blob)
        return blob

    def held_now(self, key: str) -> Blob | None:
        """Return the file if it was hashed within the last hour and is still that one, without reading it."""
        checked = self._checked.get(key)
        if checked is not None and self._clock() - checked[1] < _TRUSTED_FOR and _is_same(checked[0]):
            return checked[0]
        return None

    def download(self, key: str, sources: Sequence[Source]) -> Download:
        """Return the download of a file that is not held, of which others may be waiting already.

        sources: not empty; one after another is tried.
        """
        return self._relay.download(key, sources[0].size, lambda download: self._fetch(key, sources, download))

    async def metadata(
        self, key: str, filename: str, beside: Sequence[Source], wheels: Sequence[Source]
    ) -> Blob | None:
        """Return the metadata of a wheel (PEP 658), None where it is not to be had.

        It is read from the wheel where that is held. beside: where an upstream has it. wheels: where one has the
        wheel, which is fetched again where it was held once.
        """
        wheel = await self.held(key)
        if wheel is not None:
            extracted = self.metadata_digests.of(wheel.sha256)
            kept = await self.held(extracted) if extracted else None
            return kept or await self._read_from(wheel, filename)
        promised = self.metadata_digests.of_any(key)  # by a page that was served when the wheel was held
        known = next((one.value for source in beside for one in source.digests if one.algorithm == "sha256"), "")
        for digest in filter(None, (known, promised)):
            blob = await self.held(digest)
            if blob is not None:
                return blob
        if beside:
            return await self.download(f"{key}.metadata", beside).end()
        if promised is None:
            return None
        return await self._read_from(await self.download(key, wheels).end(), filename)

    async def _read_from(self, wheel: Blob, filename: str) -> Blob | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._extracted, wheel, filename)

    def _remember(self, key: str, blob: Blob | None) -> None:
        if blob is None:
            self._checked.pop(key, None)
            return
        self._checked[key] = blob, self._clock()
        self._checked.move_to_end(key)
        while len(self._checked) > _MOST_CHECKED:
            self._checked.popitem(last=False)

    def _find(self, key: str) -> Blob | None:
        sha256 = self._recollection.get(recollected(key)) if key.startswith("u") else key
        return self._blobs.find([Digest("sha256", sha256)]) if sha256 else None

    def _fetch(self, key: str, sources: Sequence[Source], download: Download) -> Blob:
        try:
            with Follow(self._blobs, download) as follow, self._claims.holding(key, follow) as claim:
                return self._fetch_alone(key, sources, download, claim)
        except StorageError as error:
            _log.error("%s cannot be kept: %s", sources[0].filename if sources else key, error.problem)
            raise

    def _fetch_alone(self, key: str, sources: Sequence[Source], download: Download, claim: Claim) -> Blob:
        # What another process has brought meanwhile is found by its digests, before anybody is asked. A file that
        # is stated without a sha256 is known by that of what was served first: it must never be another one.
        store = TappedStore(self._blobs, download, claim.note)
        known = self._recollection.get(recollected(key)) if key.startswith("u") else None
        served = frozenset({Digest("sha256", known)} if known else ())
        error: Cachi2ishError | None = None
        for source in sources:
            artifact = Artifact(
                filename=source.filename,
                url=source.url,
                digests=source.digests | served,
                size=source.size,
                origin=Origin(source.filename),
            )
            try:
                blob = self._downloader(store).fetch(artifact, lambda _size: None, download.sized)
            except (NetworkError, DigestMismatchError) as failure:
                error = failure if error is None or isinstance(failure, DigestMismatchError) else error
                continue
            if key.startswith("u"):
                self._recollection.put(recollected(key), blob.sha256)
            if is_wheel(source.filename):
                self._prepare_metadata(blob, source.filename)
            return blob
        raise error or NetworkError("nobody is known who has the file")

    def _prepare_metadata(self, blob: Blob, filename: str) -> None:
        # A wheel without sound metadata is served as it is: it is what the upstream has.
        try:
            self._extracted(blob, filename)
        except StorageError as error:
            _log.warning("the metadata of %s is not kept: %s", filename, error.problem)

    def _extracted(self, wheel: Blob, filename: str) -> Blob | None:
        """Return the metadata of a wheel that is held, which is kept from then on."""
        known = self.metadata_digests.of(wheel.sha256)
        blob = self._blobs.find([Digest("sha256", known)]) if known else None
        if blob is not None:
            return blob
        try:
            content = self._wheels.wheel_metadata(wheel.path, filename)
        except StorageError:
            raise
        except Cachi2ishError as error:
            _log.info("%s", error.problem)
            return None
        with self._blobs.writer(f"metadata {wheel.sha256}", ()) as writer:
            if writer.offset:
                writer.restart()
            writer.write(content)
            blob = writer.commit()
        try:
            self.metadata_digests.put(wheel.sha256, blob.sha256)
        except OSError as error:
            _log.warning("the digest of the metadata of %s is not kept: %s", filename, error.strerror)
        return blob


def _is_same(blob: Blob) -> bool:
    try:
        status = os.stat(blob.path, follow_symlinks=False)  # noqa: PTH116  (a third of the time of pathlib's)
    except OSError:
        return False
    return status.st_size == blob.size and blob.inode in (None, (status.st_dev, status.st_ino))
