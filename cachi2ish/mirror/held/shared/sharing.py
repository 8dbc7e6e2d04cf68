"""The store that all machines share, as one of them uses it: what it brings from there, and what it puts there.

What comes from an upstream is put there before the claim on its download is given back. Where that fails, it
stays in a queue on the disk, and is put later: nothing is lost, and nobody waits for a store that does not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from cachi2ish.cache.interface import BlobStore
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.digests import Digest
from cachi2ish.errors import Cachi2ishError, StorageError
from cachi2ish.mirror.held.circuit_breaker import Hourly, StoreBreakers
from cachi2ish.mirror.held.interface import SharedFiles, SharedStoreAwayError, SharedStoreError
from cachi2ish.mirror.held.relay import Abandoned
from cachi2ish.mirror.held.shared.upload_queue import UploadQueue

_log = logging.getLogger(__name__)

#: Files in a row that cannot be put, behind which the rest waits for another time.
_MOST_REFUSALS = 8


class _PausedError(SharedStoreAwayError):
    """Nothing was tried: the store has failed a moment ago."""


class StoreSharing:
    """Implements `cachi2ish.mirror.held.interface.Sharing` by a store. Safe to use from many threads.

    queue: what is still to be put there. unfinished: names what has
    arrived of a download, so that an upstream goes on where the shared store broke off. clock: seconds.
    on_use: is told of each use: ``get`` or ``put``, and how it ended.
    """

    def __init__(
        self,
        files: SharedFiles,
        queue: UploadQueue,
        *,
        unfinished: Callable[[Artifact], str],
        clock: Callable[[], float],
        on_use: Callable[[str, str], None] = lambda _use, _outcome: None,
    ) -> None:
        self._files = files
        self._queue = queue
        self._unfinished = unfinished
        self._on_use = on_use
        self._breakers = StoreBreakers(files.name, clock)
        self._damaged: set[str] = set()
        self._refused: dict[str, int] = {}  # in which round of `catch_up`
        self._rounds = 0
        self._hourly = Hourly(clock)
        self._stopping = False

    @property
    def name(self) -> str:
        """What messages call the store."""
        return self._files.name

    @property
    def is_lost(self) -> bool:
        """Whether it has failed and has not answered since, so that nobody waits for it."""
        return self._breakers.is_lost

    @property
    def is_full(self) -> bool:
        """Whether it took no file and has not taken one since; what it has is read."""
        return self._breakers.is_full

    @property
    def unsent(self) -> int:
        """How many files are still to be put there; those that other processes queue are counted in `catch_up`."""
        return len(self._queue)

    @property
    def is_alone(self) -> bool:
        """False: others may have put there what this machine lacks."""
        return False

    def bring(
        self, sha256: str, artifact: Artifact | None, store: BlobStore, sized: Callable[[int], None]
    ) -> Blob | None:
        """Bring a file from there into ``store``; None where it is not there, or not right, or nobody answers.

        artifact: what an upstream would be asked for, None where there is none. What has arrived when the store
        breaks off stays for that.
        """
        kept = store.find([Digest("sha256", sha256)])
        if kept is not None:
            return kept
        algorithms = {one.algorithm for one in artifact.digests} if artifact is not None else set()
        unfinished = f"shared {sha256}" if artifact is None else self._unfinished(artifact)
        try:
            with self._breakers.asking() as may_ask:
                return self._read(sha256, unfinished, algorithms, store, sized) if may_ask else None
        except SharedStoreError:
            self._on_use("get", "failed")
            return None

    def begin(self, key: str) -> None:
        """Queue a file that is to be put there once it has come, also if this process is killed meanwhile."""
        self._enqueue(key)

    def fetched(
        self, key: str, fetch: Callable[[], tuple[Blob, Blob | None]], on_arrival: Callable[[Blob], None]
    ) -> Blob:
        """Fetch a file, and put it and its metadata there before it is returned, or later where that fails."""
        self.begin(key)
        try:
            blob, metadata = fetch()
        except Cachi2ishError:  # nothing has come
            if not self._queue.says_replace(key):
                self._queue.remove(key)
            raise
        on_arrival(blob)  # who waits here need not wait for the others
        if metadata is not None:
            self.put_queued(metadata)
        if self.put(blob):
            self._queue.remove(key)
        return blob

    def put(self, blob: Blob) -> bool:
        """Put a file there; return whether it is there now. Otherwise it is put later."""
        try:
            if self._put(blob):
                return True
        except (SharedStoreAwayError, Abandoned):
            pass
        except SharedStoreError as error:  # of this file, maybe: others may be put
            self._warn(blob.sha256, "put", error)
        self._enqueue(blob.sha256, replace=blob.sha256 in self._damaged)
        return False

    def stop(self) -> None:
        """Put nothing more: a large file on its way ends at its next part, and stays queued."""
        self._stopping = True

    def put_queued(self, blob: Blob) -> None:
        """Put a file there, unless that was done meanwhile: it is not queued any more."""
        if self.is_unsent(blob.sha256):
            self.put(blob)

    def catch_up(self, find: Callable[[str], Blob | None]) -> None:
        """Put what is still to be put there, until it is away or full. For one thread at a time.

        What was refused waits for all others: one file that is too large for what is left of a quota, or that a
        gateway gives up each time, keeps none of them.
        find: returns a file by its key, None where it is not on the disk.
        """
        waiting = self._queue.counted()
        if self.is_lost and not self._answers():
            return
        self._rounds += 1
        self._refused = {key: self._refused[key] for key in waiting if key in self._refused}
        in_a_row = 0
        for key in sorted(waiting, key=lambda one: (self._refused.get(one, 0), one)):
            try:
                is_over = self._caught_up(key, find(key))
            except (_PausedError, Abandoned):
                return
            except SharedStoreAwayError:  # maybe to this one alone: another has its turn after the pause
                self._refused[key] = self._rounds
                return
            except SharedStoreError as error:
                self._warn(key, "put", error)
                is_over = False
            except StorageError as error:
                self._warn(key, "read", error)
                is_over = False
            if is_over:
                in_a_row = 0
                continue
            self._refused[key] = self._rounds
            in_a_row += 1
            if in_a_row == _MOST_REFUSALS:
                return

    def has(self, sha256: str, size: int) -> bool:
        """Return whether it is certain that a file is there, and is the right one."""
        if self._is_damaged(sha256):
            return False
        try:
            with self._breakers.asking() as may_ask:
                found = self._files.size_of(sha256) if may_ask else None
                if may_ask:
                    self._breakers.answered()
        except SharedStoreError:
            return False
        return found == size

    def is_unsent(self, sha256: str) -> bool:
        """Return whether a file is queued to be put there, without asking anybody."""
        return self._queue.has(sha256)

    def _caught_up(self, key: str, blob: Blob | None) -> bool:
        """Return whether nothing is to be done for an entry of the queue just now. Raises `SharedStoreError`."""
        if blob is None:
            if self._queue.is_old(key):  # its download has not come to an end
                self._queue.remove(key)
            return True
        if not self._put(blob, replace=self._queue.says_replace(key)):
            return False
        self._queue.remove(key)
        return True

    def _put(self, blob: Blob, *, replace: bool = False) -> bool:
        """Put a file; return False where it is not readable any more. Raises `SharedStoreError`."""
        replace = replace or self._is_damaged(blob.sha256)
        try:
            with self._breakers.putting() as may_put:
                if may_put:
                    self._go_on()
                    new = self._files.put(blob.sha256, blob.path, blob.size, replace=replace, go_on=self._go_on)
        except OSError as error:  # it has just been removed from the disk
            _log.warning("%s cannot be read: %s", blob.sha256, error.strerror)
            return False
        except SharedStoreError:
            self._on_use("put", "failed")
            raise
        if not may_put:
            raise _PausedError(f"{self.name} is left alone for now")
        self._damaged.discard(blob.sha256)
        self._on_use("put", "new" if new else "there")
        self._queue.remove(blob.sha256)
        return True

    def _warn(self, key: str, what: str, error: Cachi2ishError) -> None:
        """Write what one file meets, and not each of them each time."""
        if self._hourly.is_due(error.problem):
            _log.warning("%s", f"{key} cannot be {what}, and maybe others: {error.problem}")

    def _go_on(self) -> None:
        if self._stopping:
            raise Abandoned

    def _answers(self) -> bool:
        """Ask a store that was lost whether it answers, if it is time to; return whether it does."""
        self.has("0" * 64, 0)
        return not self.is_lost

    def _read(
        self, sha256: str, key: str, algorithms: Iterable[str], store: BlobStore, sized: Callable[[int], None]
    ) -> Blob | None:
        reading = self._files.read(sha256)
        self._breakers.answered()
        if reading is None:
            self._on_use("get", "missing")
            return None
        sized(reading.size)
        with store.writer(key, algorithms) as writer:
            if writer.offset:
                writer.restart()
            for portion in reading.portions:
                writer.write(portion)
            if writer.digest("sha256").value == sha256:
                self._on_use("get", "brought")
                return writer.commit()
            writer.restart()
        self._on_use("get", "damaged")
        self._damaged.add(sha256)
        self._enqueue(sha256, replace=True)
        _log.error("%s in %s is damaged, and is replaced as soon as an upstream gives it", sha256, self.name)
        return None

    def _is_damaged(self, sha256: str) -> bool:
        return sha256 in self._damaged or self._queue.says_replace(sha256)

    def _enqueue(self, key: str, *, replace: bool = False) -> None:
        try:
            self._queue.add(key, replace=replace)
        except OSError as error:
            _log.warning("%s may not be put into %s: %s", key, self.name, error.strerror)
