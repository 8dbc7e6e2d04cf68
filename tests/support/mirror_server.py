"""A mirror on loopback, in a thread of the test, over a real history, a real store of files and real upstreams.

with IndexServer() as upstream, MirrorServer(tmp_path, pypi=upstream.index_url) as mirror:
    ... mirror.get("/2024-10-01/simple/demo/") ...
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.urls import Address
from cachi2ish.http.download import FileDownloader
from cachi2ish.http.interface import HttpSettings
from cachi2ish.http.session import HttpSession
from cachi2ish.lockfiles.readers import NamedReaders
from cachi2ish.mirror.application import Rules, running
from cachi2ish.mirror.held.interface import SharedFiles
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import DAY, HOUR, Registry, UntimedFiles
from cachi2ish.mirror.rooms import Rooms
from cachi2ish.mirror.server.serving import Server, address_of, listen
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.simple_api.negotiation import JSON
from tests.support.histories import history_at
from tests.support.shared_files import files_in, place_of, shared_place

HTTP = HttpSettings(
    user_agent="cachi2ish/test", connect_timeout=5, read_timeout=5, retries=0, backoff=0.01, lost_for=0.0
)


@dataclass(frozen=True)
class Got:
    """An answer. headers: names in lower case; whole: whether it ended as it should."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    whole: bool = True


class MirrorServer:
    """A mirror; a context manager, and one that can be begun again on the same directory.

    registries: addresses by name; user information in them is the mirror's own. files: that it shares with others.
    local_size: bytes that it may have on its disk then. history: of several mirrors, that of the first.
    """

    def __init__(
        self,
        directory: Path,
        *,
        rules: Rules | None = None,
        private: tuple[str, ...] = (),
        first_seen: tuple[str, ...] = (),
        settling: int = 6 * HOUR,
        interval: int = DAY,
        http: HttpSettings = HTTP,
        files: SharedFiles | None = None,
        local_size: int = 10**12,
        history: Path | None = None,
        **registries: str,
    ) -> None:
        self.directory = directory
        self.rules = rules or Rules()
        self.private, self.first_seen, self.settling = private, first_seen, settling
        self.interval = interval
        self.addresses = {name: Address(url) for name, url in registries.items()}
        self.http = http
        self.history = history or directory / "history.sqlite"
        self.files, self.local_size = files, local_size
        place = None if files else place_of(directory)
        if place is not None:
            self.files = files_in(place)
        self.url = ""
        self._ready = threading.Event()
        self._failure: list[BaseException] = []

    def __enter__(self) -> Self:
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        self.directory.mkdir(exist_ok=True)
        self._listener = listen("127.0.0.1", 0)
        self.url = address_of(self._listener).rstrip("/")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(20)
        if self._failure:
            raise self._failure[0]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.end)
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._ready.clear()
        if self._failure:
            raise self._failure[0]

    def get(
        self,
        path: str,
        *,
        login: tuple[str, str] | None = None,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Got:
        """Ask for a path; header names: ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if login is not None:
            named["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        connection = http.client.HTTPConnection(self._listener_address, timeout=30)
        try:
            connection.request(method, path, body, headers=named)
            answer = connection.getresponse()
            whole = True
            try:
                body = answer.read()
            except http.client.IncompleteRead as error:
                body, whole = error.partial, False
            stated = {name.lower(): value for name, value in answer.getheaders()}
            return Got(answer.status, answer.reason, stated, body, whole)
        finally:
            connection.close()

    def json(self, path: str, **options: Any) -> Any:
        """Return the JSON form of a page that is there."""
        got = self.get(path, Accept=JSON, **options)
        assert got.status == 200, got
        return json.loads(got.body)

    @property
    def _listener_address(self) -> str:
        return self.url.removeprefix("http://")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  (the test is to see it)
            self._failure.append(error)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        with ExitStack() as stack:
            rooms = self._rooms(stack)
            async with AsyncExitStack() as parts:
                application = await parts.enter_async_context(running(rooms, self.rules))
                self._server = Server(application)
                self._loop = asyncio.get_running_loop()
                self._loop.call_soon(self._ready.set)
                await self._server.serve(sockets=[self._listener])

    def _rooms(self, stack: ExitStack) -> Rooms:
        history = SqlHistory(history_at(self.history))
        stack.callback(history.close)
        registries = {name: self._registry(name, address) for name, address in self.addresses.items()}
        for registry in registries.values():
            history.configure(registry)
        credentials = tuple(self.addresses.values())
        session = stack.enter_context(HttpSession(replace(self.http, credentials=credentials)))
        blobs = DiskBlobs(self.directory / "files", lasting=False)
        recollection = stack.enter_context(SqliteCatalogue(self.directory / "files/catalogue.sqlite"))
        return Rooms(
            directory=self.directory,
            history=history,
            registries=registries,
            addresses=self.addresses,
            http=session,
            blobs=blobs,
            downloader=lambda store: FileDownloader(session, store, recollection),
            wheels=ArchiveReader(SourceTreeReader()),
            locks=NamedReaders(),
            shared=None if self.files is None else shared_place(self.directory, self.files, self.local_size),
        )

    def _registry(self, name: str, address: Address) -> Registry:
        return Registry(
            name=name,
            url=address.split_userinfo()[0].redacted,
            untimed=UntimedFiles.FIRST_SEEN if name in self.first_seen else UntimedFiles.EXCLUDE,
            private=name in self.private,
            settling=self.settling,
            interval=self.interval,
        )
