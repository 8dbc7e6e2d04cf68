"""Projects are looked at again and again once somebody has asked for them, and files that vanish are fetched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import Executor

from cachi2ish.errors import Cachi2ishError, NetworkError
from cachi2ish.mirror.held.file_store import FileStore, Source
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.looking import Lookout
from cachi2ish.mirror.records import HOUR, Due, HistoricFile, Instant
from cachi2ish.mirror.upstream import Upstream

_log = logging.getLogger(__name__)

#: Projects of a registry that are looked at in one round, and how many at once: clients that wait come first.
_ROUND = 200
_AT_ONCE = 4

#: Seconds between two rounds.
_PAUSE = 30.0

#: How long a project is left alone of which the registry says nothing that can be used.
_POSTPONED = HOUR

#: Files that are fetched in one round.
_RESCUED = 50


class Follower:
    """Looks at what is due, and rescues files. For the event loop.

    registries: names of those that the mirror may look at on its own account. executor: reads the history.
    now: the time.
    on_rescue: is told of each file that has vanished whether the mirror has it. vanished: set where something has,
    so that the next round begins at once. is_following: whether this process is the one.
    """

    def __init__(
        self,
        *,
        history: Sightings,
        registries: Collection[str],
        lookout: Lookout,
        upstream: Upstream,
        store: FileStore,
        executor: Executor,
        now: Callable[[], Instant],
        on_rescue: Callable[[bool], None],
        vanished: asyncio.Event,
    ) -> None:
        self._history = history
        self._registries = tuple(registries)
        self._lookout = lookout
        self._upstream = upstream
        self._store = store
        self._executor = executor
        self._now = now
        self._on_rescue = on_rescue
        self._vanished = vanished
        self.is_following = False

    async def follow(self) -> None:
        """Do round after round, as soon as no other process does so; ends by being cancelled."""
        while True:
            self._vanished.clear()
            try:
                more = await self._claim() and await self.round() >= _ROUND
            except Cachi2ishError as error:
                _log.warning("projects are not followed for now: %s", error.problem)
                more = False
            except Exception:  # noqa: BLE001  (the next round may fare better, and clients are served meanwhile)
                _log.exception("a round has failed")
                more = False
            if not more:
                await self._rest()

    async def _claim(self) -> bool:
        claimed = asyncio.get_running_loop().run_in_executor(self._executor, self._history.claim_following)
        try:
            self.is_following = await claimed
        except Exception:
            self.is_following = False
            raise
        return self.is_following

    async def round(self) -> int:
        """Look at some of what is due, and fetch some of what has vanished.

        Return of how many projects there was an answer.
        """
        loop = asyncio.get_running_loop()
        count = 0
        for registry in self._registries:
            due = await loop.run_in_executor(self._executor, self._history.due, registry, self._now(), _ROUND)
            waiting = list(reversed(due))
            count += sum(await asyncio.gather(*(self._look_at(waiting) for _ in range(_AT_ONCE))))
        await self._rescue()
        return count

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_PAUSE):
                await self._vanished.wait()
        except TimeoutError:
            return

    async def _look_at(self, waiting: list[Due]) -> int:
        loop = asyncio.get_running_loop()
        count = 0
        while waiting:
            due = waiting.pop()
            try:
                await self._lookout.look(
                    due.registry, due.project, looked_at=due.looked_at, etag=due.etag, patient=True
                )
            except NetworkError:
                waiting.clear()  # they are still due when the registry is there again
            except Cachi2ishError as error:
                _log.info("%s is looked at later: %s", due.project, error.problem)
                until = self._now() + _POSTPONED
                await loop.run_in_executor(
                    self._executor, self._history.postpone, due.registry, due.project, until
                )
            else:
                count += 1
        return count

    async def _rescue(self) -> None:
        loop = asyncio.get_running_loop()
        for file in await loop.run_in_executor(self._executor, self._history.files_to_rescue, _RESCUED):
            if file.registry not in self._registries:
                continue
            held = await self._have(file)
            if held is None:
                return
            self._on_rescue(held)
            await loop.run_in_executor(self._executor, self._rescued, file, held)

    async def _have(self, file: HistoricFile) -> bool | None:
        """Return whether the mirror has a file now; None where that is not certain."""
        held = await self._store.held(file.key)
        if held is not None:
            return await self._store.secured(held) or None
        url = self._upstream.file_address(file.registry, file.url, None)
        source = Source(url=url, filename=file.filename, digests=file.digests, size=file.size)
        try:
            blob = await self._store.download(file.key, [source]).end()
        except NetworkError as error:
            _log.warning("%s has vanished from %s: %s", file.filename, file.registry, error.problem)
            return None if self._lookout.is_lost(file.registry) else False
        except Cachi2ishError as error:
            _log.warning("%s has vanished from %s: %s", file.filename, file.registry, error.problem)
            return False
        _log.info("%s has vanished from %s and is kept", file.filename, file.registry)
        return await self._store.secured(blob) or None

    def _rescued(self, file: HistoricFile, held: bool) -> None:  # noqa: FBT001  (as an executor calls it)
        self._history.rescued(file, held=held, now=self._now())
