"""What a mirror is made of, whether it serves or looks once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cachi2ish.cache.interface import BlobStore, Pruning, SharedBlobStore
from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.digests import Digest
from cachi2ish.core.urls import Address
from cachi2ish.http.interface import Downloader, Http
from cachi2ish.lockfiles.interface import LockFiles
from cachi2ish.mirror.held.claims import Claims
from cachi2ish.mirror.held.file_store import FileStore
from cachi2ish.mirror.held.interface import DiskLimit, SharedFiles, Sharing
from cachi2ish.mirror.held.local_limit import LocalLimit
from cachi2ish.mirror.held.no_sharing import NoLimit, NoSharing
from cachi2ish.mirror.held.relay import Relay
from cachi2ish.mirror.held.shared.sharing import StoreSharing
from cachi2ish.mirror.held.shared.upload_queue import UploadQueue
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.records import DOWNLOADS, UNSENT, Registry
from cachi2ish.sdists.interface import WheelReader


@dataclass(frozen=True, kw_only=True)
class SharedPlace:
    """Where all machines share their files. unfinished: see `StoreSharing`.

    limit: bytes of the disk of this machine. pruning: begins to remove from it.
    """

    files: SharedFiles
    limit: int
    pruning: Callable[[], Pruning]
    unfinished: Callable[[Artifact], str]


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """What a mirror is made of. addresses: of the registries, with the mirror's own credentials where it has any.

    hidden_from: registries that are asked without a login which they may want: that they have a project no more is
    not believed. directory: the mirror's own. downloader: makes what brings files into a store. shared: where all
    machines have their files, None where each has its own. Whoever makes these closes them.
    """

    directory: Path
    history: Sightings
    registries: Mapping[str, Registry]
    addresses: Mapping[str, Address]
    http: Http
    blobs: SharedBlobStore
    downloader: Callable[[BlobStore], Downloader]
    wheels: WheelReader
    locks: LockFiles
    hidden_from: Collection[str] = ()
    shared: SharedPlace | None = None

    @property
    def files_place(self) -> str:
        """Where files are kept, for people: ``disk``, or the place in S3, without any secret."""
        return "disk" if self.shared is None else self.shared.files.name

    def sharing(self, on_use: Callable[[str, str], None]) -> Sharing:
        """Return what this machine shares with others; on_use: see `StoreSharing`."""
        if self.shared is None:
            return NoSharing()
        return StoreSharing(
            self.shared.files,
            UploadQueue(self.directory / UNSENT),
            unfinished=self.shared.unfinished,
            clock=time.monotonic,
            on_use=on_use,
        )

    def file_store(self, relay: Relay, executor: Executor, sharing: Sharing) -> FileStore:
        """Return the store of files; executor: reads and hashes."""
        return FileStore(
            blobs=self.blobs,
            history=self.history,
            downloader=self.downloader,
            wheels=self.wheels,
            relay=relay,
            claims=Claims(self.directory / DOWNLOADS, None if sharing.is_alone else self.history),
            executor=executor,
            clock=time.monotonic,
            sharing=sharing,
            limit=self._limit(sharing, executor),
        )

    def _limit(self, sharing: Sharing, executor: Executor) -> DiskLimit:
        if self.shared is None:
            return NoLimit()

        def put(sha256: str) -> bool:
            blob = self.blobs.find([Digest("sha256", sha256)])
            return blob is not None and sharing.put(blob)

        return LocalLimit(
            self.shared.limit,
            self.shared.pruning,
            sharing,
            put,
            start=executor.submit,
            clock=time.monotonic,
            now=lambda: datetime.now(UTC),
        )
