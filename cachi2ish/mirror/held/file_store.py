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
from functools import partial

from cachi2ish.cache.interface import BlobStore, SharedBlobStore
from cachi2ish.core.artifacts import Artifact, Blob, file_number
from cachi2ish.core.digests import Digest
from cachi2ish.core.distributions import is_wheel
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, NetworkError, Origin, StorageError
from cachi2ish.http.interface import Downloader
from cachi2ish.mirror.held.claims import Claim, Claims, Follow
from cachi2ish.mirror.held.interface import DiskLimit, Sharing
from cachi2ish.mirror.held.kept_metadata import WheelMetadata
from cachi2ish.mirror.held.relay import Download, Relay
from cachi2ish.mirror.held.tapped_store import TappedStore
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.sdists.interface import WheelReader

_log = logging.getLogger(__name__)

#: Seconds after which a file that is served often is hashed again.
_TRUSTED_FOR = 3600.0

#: Files whose last check is remembered.
_MOST_CHECKED = 50_000

_SHA256 = re.compile("[0-9a-f]{64}")

#: The key of a file that is stated without a sha256; that of its metadata, if it is a wheel, is longer.
_NO_SHA256 = re.compile("u[0-9a-f]{63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a file is to be had. url: with the credentials that belong to it."""

    url: Address
    filename: str
    digests: frozenset[Digest]
    size: int | None


class FileStore:
    """Files by their key (`HistoricFile.key`), held, or on their way from an upstream. For the event loop.

    history: knows what was found out about their content. downloader: makes what brings files into a store.
    claims: of all processes that share it. executor: reads and hashes. clock: seconds.
    sharing: with the other machines. limit: of the disk.
    """

    def __init__(
        self,
        *,
        blobs: SharedBlobStore,
        history: Sightings,
        downloader: Callable[[BlobStore], Downloader],
        wheels: WheelReader,
        relay: Relay,
        claims: Claims,
        executor: Executor,
        clock: Callable[[], float],
        sharing: Sharing,
        limit: DiskLimit,
    ) -> None:
        self._blobs = blobs
        self._history = history
        self._downloader = downloader
        self._metadata = WheelMetadata(blobs, history, wheels, sharing)
        self._relay = relay
        self._claims = claims
        self._executor = executor
        self._clock = clock
        self._sharing = sharing
        self._limit = limit
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

        sources: one after another is tried, once the shared store does not have it.
        """
        size = sources[0].size if sources else None
        return self._relay.download(key, size, lambda download: self._fetch(key, sources, download))

    async def over(self, key: str) -> None:
        """Wait until no download of a file is under way."""
        await self._relay.over(key)

    async def secured(self, blob: Blob) -> bool:
        """Return whether a file that is held does not go with this machine, if there is more than one."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._sharing.put, blob)

    async def tend(self) -> bool:
        """Put what is still to be put into the shared store, and keep the disk below its limit.

        Return whether the shared store answers, if there is one.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._sharing.catch_up, self._find)
        await loop.run_in_executor(self._executor, self._limit.tend)
        return not self._sharing.is_lost

    async def metadata(
        self, key: str, filename: str, beside: Sequence[Source], wheels: Sequence[Source]
    ) -> Blob | None:
        """Return the metadata of a wheel (PEP 658), None where it is not to be had.

        It is read from the wheel where that is held. beside: where an upstream has it. wheels: where one has the
        wheel, which is fetched again where it was held once.
        """
        wheel = await self.held(key)
        loop = asyncio.get_running_loop()
        if wheel is not None:
            digest = await loop.run_in_executor(self._executor, self._metadata.digest, wheel.sha256)
            kept = await self.held(digest) if digest else None
            return kept or await self._read_from(wheel, filename)
        # Of a page that was served when the wheel was held, maybe by another process.
        promised = await loop.run_in_executor(self._executor, self._metadata.digest, key)
        known = next((one.value for source in beside for one in source.digests if one.algorithm == "sha256"), "")
        for digest in filter(None, (known, promised)):
            blob = await self.held(digest) or await self._shared(digest)
            if blob is not None:
                return blob
        if beside:
            return await self.download(f"{key}.metadata", beside).end()
        if promised is None:
            return None
        return await self._read_from(await self.download(key, wheels).end(), filename)

    async def _shared(self, sha256: str) -> Blob | None:
        """Return a file that the shared store alone is asked for."""
        if self._sharing.is_alone:
            return None
        try:
            return await self.download(sha256, ()).end()
        except NetworkError:
            return None

    async def _read_from(self, wheel: Blob, filename: str) -> Blob | None:
        loop = asyncio.get_running_loop()
        blob = await loop.run_in_executor(self._executor, self._metadata.read, wheel, filename)
        if blob is not None:
            self._executor.submit(self._sharing.put_queued, blob)  # whoever asks for it need not wait for others
        return blob

    def _remember(self, key: str, blob: Blob | None) -> None:
        if blob is None:
            self._checked.pop(key, None)
            return
        self._checked[key] = blob, self._clock()
        self._checked.move_to_end(key)
        while len(self._checked) > _MOST_CHECKED:
            self._checked.popitem(last=False)

    def _find(self, key: str) -> Blob | None:
        sha256 = self._history.content_of(key) if _NO_SHA256.fullmatch(key) else key
        return self._blobs.find([Digest("sha256", sha256)]) if sha256 and _SHA256.fullmatch(sha256) else None

    def _fetch(self, key: str, sources: Sequence[Source], download: Download) -> Blob:
        try:
            with (
                Follow(self._blobs, download) as follow,
                self._claims.holding(key, follow) as claim,
                TappedStore(self._blobs, download, claim.note) as store,
            ):
                return self._fetch_alone(key, sources, download, store, claim)
        except StorageError as error:
            _log.error("%s cannot be kept: %s", sources[0].filename if sources else key, error.problem)
            raise

    def _fetch_alone(
        self, key: str, sources: Sequence[Source], download: Download, store: TappedStore, claim: Claim
    ) -> Blob:
        self._limit.make_room(download.size or 0)
        # What is in the shared store is read by all machines at once; who asks an upstream is alone.
        shared = self._bring(key, sources, download, store)
        if shared is not None:
            return shared
        with claim.among_machines():
            shared = self._bring(key, sources, download, store)
            if shared is not None:
                return shared
            artifacts = self._artifacts(key, sources)
            fetch = partial(self._fetch_new, key, artifacts, download, store)
            return self._sharing.fetched(key, fetch, download.arrived)

    def _fetch_new(
        self, key: str, artifacts: Sequence[Artifact], download: Download, store: TappedStore
    ) -> tuple[Blob, Blob | None]:
        """Bring a file from an upstream, and read the metadata of a wheel; return both."""
        blob = self._fetch_upstream(artifacts, store, download)
        if _NO_SHA256.fullmatch(key) and self._history.keep_content(key, blob.sha256) != blob.sha256:
            raise NetworkError(f"{blob.path.name} is not what another machine was sent under this name")
        if artifacts and is_wheel(artifacts[0].filename):
            return blob, self._metadata.prepare(blob, artifacts[0].filename)
        return blob, None

    def _artifacts(self, key: str, sources: Sequence[Source]) -> list[Artifact]:
        # What another process has brought meanwhile is found by its digests, before anybody is asked. A file that
        # is stated without a sha256 is known by that of what was served first: it must never be another one.
        known = self._history.content_of(key) if _NO_SHA256.fullmatch(key) else None
        served = frozenset({Digest("sha256", known)} if known else ())
        return [
            Artifact(
                filename=source.filename,
                url=source.url,
                digests=source.digests | served,
                size=source.size,
                origin=Origin(source.filename),
            )
            for source in sources
        ]

    def _fetch_upstream(self, artifacts: Sequence[Artifact], store: BlobStore, download: Download) -> Blob:
        error: Cachi2ishError | None = None
        for artifact in artifacts:
            try:
                return self._downloader(store).fetch(artifact, lambda _size: None, download.sized)
            except (NetworkError, DigestMismatchError) as failure:
                error = failure if error is None or isinstance(failure, DigestMismatchError) else error
        raise error or NetworkError("nobody is known who has the file")

    def _bring(self, key: str, sources: Sequence[Source], download: Download, store: BlobStore) -> Blob | None:
        artifacts = self._artifacts(key, sources)
        declared = (one.value for artifact in artifacts for one in artifact.digests if one.algorithm == "sha256")
        sha256 = key if _SHA256.fullmatch(key) else next(declared, None)
        if sha256 is None:
            return None
        blob = self._sharing.bring(sha256, artifacts[0] if artifacts else None, store, download.sized)
        download.is_shared = blob is not None
        return blob


def _is_same(blob: Blob) -> bool:
    try:
        status = os.stat(blob.path, follow_symlinks=False)  # noqa: PTH116  (a third of the time of pathlib's)
    except OSError:
        return False
    return status.st_size == blob.size and blob.file_id in (None, file_number(status.st_dev, status.st_ino))
