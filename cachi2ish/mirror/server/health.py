"""Whether a server is well, and what keeps it so beside its answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from cachi2ish.errors import Cachi2ishError
from cachi2ish.mirror.held.file_store import FileStore
from cachi2ish.mirror.held.interface import Sharing
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.server.replies import Refused

_log = logging.getLogger(__name__)

#: Seconds after which is looked for what is to be put into the shared store, and to be removed from the disk.
_PAUSE = 30.0

#: Seconds after which is looked whether it is time to ask a shared store again that does not answer.
_PAUSE_WHILE_LOST = 5.0

#: Seconds for which a look at the history is good, and after which there is none.
_GOOD_FOR, _PATIENCE = 1.0, 3.0


class Health:
    """Answers ``/healthz``. sharing: with the other machines."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    async def answer(self, _request: Request) -> Response:
        """Answer that the server is alive: also without the shared store, since it serves what it can get."""
        lines = ["ok"]
        if self._sharing.is_lost:
            lines.append("the shared store of files does not answer: files come from upstreams and the disk")
        elif self._sharing.is_full:
            lines.append("the shared store of files takes none now: what is new stays on the disk")
        if self._sharing.unsent:
            lines.append(f"{self._sharing.unsent} to be put into the shared store of files")
        return Response("".join(f"{line}\n" for line in lines), media_type="text/plain")


class Readiness:
    """Answers ``/readyz``: whether clients should be sent here.

    That is so while the history can be read; all pages come out of it. A store of files that is away changes
    nothing: files come from upstreams and the disk then. executor: reads the history, one look at a time, however
    long a database lets it wait. clock: seconds.
    """

    def __init__(self, history: Sightings, executor: Executor, clock: Callable[[], float]) -> None:
        self._history = history
        self._executor = executor
        self._clock = clock
        self._alone = asyncio.Lock()
        self._looked_at: float | None = None
        self._is_ready = False
        self._look: asyncio.Future[object] | None = None

    async def answer(self, _request: Request) -> Response:
        """Answer 200 or 503. Anybody may ask this, so the history is asked once a second at most."""
        async with self._alone:
            if self._looked_at is None or self._clock() - self._looked_at >= _GOOD_FOR:
                self._is_ready = await self._can_read()
                self._looked_at = self._clock()
        if self._is_ready:
            return Response(b"ready\n", media_type="text/plain")
        return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the history cannot be read")

    async def _can_read(self) -> bool:
        if self._look is None or self._look.done():
            loop = asyncio.get_running_loop()
            self._look = loop.run_in_executor(self._executor, self._history.registries)
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.shield(self._look)
        except (Cachi2ishError, TimeoutError):
            return False
        return True


async def tend(store: FileStore) -> None:
    """Keep disk and shared store as they should be; ends by being cancelled."""
    while True:
        is_well = True
        try:
            is_well = await store.tend()
        except Exception:  # noqa: BLE001  (the next time may fare better, and clients are served meanwhile)
            _log.exception("the files are not tended")
        await asyncio.sleep(_PAUSE if is_well else _PAUSE_WHILE_LOST)
