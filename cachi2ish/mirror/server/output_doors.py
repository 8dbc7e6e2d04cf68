"""The doors over a fixed set: those of the mirror, without a date, and with nothing to ask."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cachi2ish.mirror.fixed_set import FixedSet
from cachi2ish.mirror.held.no_sharing import NoSharing
from cachi2ish.mirror.records import Registry
from cachi2ish.mirror.server.gate import Gate
from cachi2ish.mirror.server.health import Health
from cachi2ish.mirror.server.hot_pages import HotPages
from cachi2ish.mirror.server.metrics import Metrics
from cachi2ish.mirror.server.page_doors import PageDoors
from cachi2ish.mirror.server.places import MAIN, Places
from cachi2ish.mirror.server.replies import Refused
from cachi2ish.mirror.server.routes import router
from cachi2ish.mirror.server.sending.held_files import headers_of_file, held_file

#: Threads that make pages.
_THREADS = 2


@asynccontextmanager
async def serving_fixed(content: FixedSet) -> AsyncIterator[ASGIApp]:
    """Yield the application that serves ``content`` below ``/simple/``."""
    hot = HotPages(0, time.monotonic)
    with ThreadPoolExecutor(_THREADS, "render") as executor:
        pages = PageDoors(
            history=content,
            places=Places({MAIN: Registry(name=MAIN, url="")}, (), lambda: datetime.now(UTC)),
            desk=content,
            hot=hot,
            metadata=lambda _keys: {},
            executor=executor,
            clock=time.monotonic,
        )

        async def file(request: Request) -> Response:
            key, filename = request.path_params["key"], request.path_params["filename"]
            path = content.files.get((key, filename))
            if path is None:
                return Refused(HTTPStatus.NOT_FOUND, f"the output has no {filename} with this sha256")
            try:
                return held_file(request.headers.get, path, headers_of_file(key))
            except OSError as error:
                return Refused(HTTPStatus.NOT_FOUND, f"{filename} cannot be read: {error.strerror}")

        doors = router(
            pages, [Route("/healthz", Health(NoSharing()).answer), Route("/files/{key}/{filename}", file)], ("",)
        )
        yield Gate(doors, hot=hot, tokens=None, metrics=Metrics(lambda: hot.hits))
