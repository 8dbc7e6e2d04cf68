"""Files on their way through the mirror: one download for all who wait, each of whom reads what has arrived.

A download runs in a thread and writes into the store of files; the clients read the same bytes from the disk as
they come. Nobody is sent the last bytes before two things are certain: the file is the one that was promised, and
what this client was sent is this file. So a client may get a part of a wrong file, and never the whole of one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor

from cachi2ish.core.artifacts import Blob
from cachi2ish.errors import Cachi2ishError, NetworkError

#: The last bytes of a file, which wait for its digest. A smaller file is sent when it is whole.
HELD_BACK = 64 * 1024

#: Bytes that are read at once.
PORTION = 256 * 1024


class Abandoned(Exception):
    """The mirror stops, and what has arrived is kept for the next start."""


class Download:
    """A download under way. Its methods are for the event loop, where nothing else is said.

    size: of the whole, None while nobody knows it. offset: bytes that have arrived. blob, error: how it ended.
    is_shared: whether it comes out of the store that all machines share, and not from an upstream.
    """

    def __init__(self, size: int | None) -> None:
        self.size = size
        self.offset = 0
        self.blob: Blob | None = None
        self.error: Cachi2ishError | None = None
        self.is_shared = False
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._changed = asyncio.Event()
        self._stopping = False

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.blob is not None or self.error is not None

    async def ended_or_streaming(self) -> None:
        """Wait until it has ended, or more has arrived than is held back."""
        while not (self.ended or self._certain() > 0):
            await self._changed.wait()

    async def end(self) -> Blob:
        """Return the file once it is whole and verified; raises the error that it ended with."""
        while not self.ended:
            await self._changed.wait()
        if self.blob is None:
            raise self._failure()
        return self.blob

    async def portions(self, start: int = 0) -> AsyncIterator[bytes]:
        """Yield the file from ``start`` on, as it arrives; raises where it proves wrong or does not come."""
        digest, position = hashlib.sha256(), 0
        reader = await self._reader()
        try:
            while not (self.ended and position >= self._certain()):
                if position >= self._certain():
                    await self._changed.wait()
                    continue
                portion = os.pread(reader, min(PORTION, self._certain() - position), position)
                if not portion:
                    if self.ended:
                        break
                    await self._changed.wait()  # it has just been begun anew
                    continue
                digest.update(portion)
                position += len(portion)
                if position > start:
                    yield portion[max(0, start - position + len(portion)) :]
            if self.blob is None:
                raise self._failure()
            rest = os.pread(reader, HELD_BACK, position)
            digest.update(rest)
            if digest.hexdigest() != self.blob.sha256:
                raise NetworkError("the beginning of the file has changed while it was sent")
            if position + len(rest) > start:
                yield rest[max(0, start - position) :]
        finally:
            os.close(reader)

    def tap(self, descriptor: int, offset: int) -> None:
        """Let an open file be read from now on, which is this one's own; called in the thread of the download."""
        self._loop.call_soon_threadsafe(self._attach, descriptor, offset)

    def grown(self, offset: int) -> None:
        """Note how many bytes there are; called in the thread of the download. Raises `Abandoned`."""
        if self._stopping:
            raise Abandoned
        self._loop.call_soon_threadsafe(self._grow, offset)

    def sized(self, size: int) -> None:
        """Note how long the file is, as its server states it; called in the thread of the download."""
        self._loop.call_soon_threadsafe(self._size, size)

    def arrived(self, blob: Blob) -> None:
        """Note that the file is whole and verified, before the download ends; called in its thread."""
        self._loop.call_soon_threadsafe(self.finish, blob, None)

    def finish(self, blob: Blob | None, error: Cachi2ishError | None) -> None:
        """Note how it has ended."""
        self.blob, self.error = blob, error
        if blob is not None:
            self.size = self.offset = blob.size  # another process may have brought the rest of it
        self._wake()

    def stop(self) -> None:
        """End it at its next byte."""
        self._stopping = True

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _certain(self) -> int:
        """Return how many bytes may be sent before the end is certain; less than 0 for a small file."""
        return (self.offset if self.size is None else min(self.offset, self.size)) - HELD_BACK

    async def _reader(self) -> int:
        while self._descriptor is None and not self.ended:
            await self._changed.wait()
        if self._descriptor is not None:
            return os.dup(self._descriptor)
        return os.open((await self.end()).path, os.O_RDONLY)

    def _failure(self) -> Cachi2ishError:
        return NetworkError("the download has not ended") if self.error is None else self.error.at(None)

    def _attach(self, descriptor: int, offset: int) -> None:
        self.close()
        self._descriptor = descriptor
        self._grow(offset)

    def _grow(self, offset: int) -> None:
        self.offset = offset
        self._wake()

    def _size(self, size: int) -> None:
        if self.size is None:
            self.size = size

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Relay:
    """The downloads under way, one for each key. For the event loop.

    executor: runs them. on_end: is told how each ended, in a word, and how many bytes an upstream gave.
    """

    def __init__(self, executor: Executor, on_end: Callable[[str, int], None]) -> None:
        self._executor = executor
        self._on_end = on_end
        self._under_way: dict[str, Download] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopped = False

    def __len__(self) -> int:
        return len(self._under_way)

    def under_way(self, key: str) -> Download | None:
        """Return the download of ``key``, None where there is none now."""
        return self._under_way.get(key)

    def download(self, key: str, size: int | None, fetch: Callable[[Download], Blob]) -> Download:
        """Return the download of ``key``, begun now where there is none.

        fetch: brings the file; called in a thread, once. It goes on when those who wait for it have gone.
        """
        known = self._under_way.get(key)
        if known is not None:
            return known
        download = self._under_way[key] = Download(size)
        if self._stopped:
            download.stop()
        task = self._tasks[key] = asyncio.create_task(self._run(key, download, fetch))
        task.add_done_callback(lambda done: self._forget(key, done))
        return download

    async def over(self, key: str) -> None:
        """Wait until none for ``key`` is under way: one that has brought its file may still put it elsewhere."""
        task = self._tasks.get(key)
        if task is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        """End all downloads; what has arrived is kept for another time."""
        self._stopped = True
        for download in self._under_way.values():
            download.stop()
        await asyncio.gather(*self._tasks.values())

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    def _count(self, blob: Blob | None, *, is_shared: bool) -> None:
        outcome = "failed" if blob is None else "shared" if is_shared else "held"
        self._on_end(outcome, 0 if blob is None or is_shared else blob.size)

    async def _run(self, key: str, download: Download, fetch: Callable[[Download], Blob]) -> None:
        loop = asyncio.get_running_loop()
        blob: Blob | None = None
        error: Cachi2ishError | None = None
        try:
            blob = await loop.run_in_executor(self._executor, fetch, download)
        except Cachi2ishError as failure:
            error = failure
        except Abandoned:
            error = NetworkError("the mirror is being stopped")
        except BaseException:
            download.finish(None, NetworkError("the mirror has failed; its log says more"))
            raise
        finally:
            del self._under_way[key]
            self._count(blob, is_shared=download.is_shared)
            if blob is not None or error is not None:
                download.finish(blob, error)
            download.close()
