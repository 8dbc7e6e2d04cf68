"""Whether a server is well, and what keeps it so beside its answers."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import Response

from cachi2ish.mirror.held.file_store import FileStore
from cachi2ish.mirror.held.sharing import Sharing

_log = logging.getLogger(__name__)

#: Seconds after which is looked for what is to be put into the shared store, and to be removed from the disk.
_PAUSE = 30.0


class Health:
    """Answers ``/healthz``. sharing: the store that all machines share, None where there is none."""

    def __init__(self, sharing: Sharing | None) -> None:
        self._sharing = sharing

    async def answer(self, _request: Request) -> Response:
        """Answer that the server is alive: also without the shared store, since it serves what it can get."""
        lines = ["ok"]
        if self._sharing is not None:
            if self._sharing.is_lost:
                lines.append("the shared store of files does not answer: files come from upstreams and the disk")
            waiting = len(self._sharing.waiting())
            if waiting:
                lines.append(f"{waiting} to be put into the shared store of files")
        return Response("".join(f"{line}\n" for line in lines), media_type="text/plain")


async def tend(store: FileStore | None) -> None:
    """Keep disk and shared store as they should be, where there is one; ends by being cancelled."""
    while store is not None:
        try:
            await store.tend()
        except Exception:  # noqa: BLE001  (the next time may fare better, and clients are served meanwhile)
            _log.exception("the files are not tended")
        await asyncio.sleep(_PAUSE)
