"""The doors to files: ``/files/<key>/<filename>``, and the metadata of wheels beside them (PEP 658)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cachi2ish.core.distributions import is_wheel
from cachi2ish.core.urls import Address
from cachi2ish.errors import AccessError, Cachi2ishError
from cachi2ish.mirror.held.file_store import FileStore, Source
from cachi2ish.mirror.held.relay import Download
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.page_desk import LoginNeededError, PageDesk
from cachi2ish.mirror.records import HistoricFile, Registry
from cachi2ish.mirror.server.replies import Refused
from cachi2ish.mirror.server.sending.held_files import ByteRange, headers_of_file, held_file, is_known, opened
from cachi2ish.mirror.server.sending.hot_files import HotFiles
from cachi2ish.mirror.server.sending.request_wire import Wire
from cachi2ish.mirror.upstream import Login, Upstream

_KEY = re.compile("[0-9a-f]{64}|u[0-9a-f]{63}")

_METADATA = ".metadata"

#: Seconds in which a client takes one portion, or it is let go.
_PORTION_SECONDS = 300.0


class FlowingFile(Response):
    """A file that is on its way. Where it proves wrong, the answer breaks off before its end."""

    def __init__(self, download: Download, start: int, headers: Mapping[str, str]) -> None:
        status = HTTPStatus.OK
        sized = {}
        if download.size is not None:
            sized["content-length"] = str(download.size - start)
            if start:
                status = HTTPStatus.PARTIAL_CONTENT
                sized["content-range"] = f"bytes {start}-{download.size - 1}/{download.size}"
        super().__init__(None, status, {**headers, **sized})
        if download.size is None:
            del self.headers["content-length"]
        self._download = download
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (as Starlette calls it)
        """Send it as it arrives."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        wire = Wire.of(scope)
        with suppress(Cachi2ishError, OSError):  # an answer that is not complete is closed by the server
            async for portion in self._download.portions(self._start):
                if wire.is_gone:
                    return
                async with asyncio.timeout(_PORTION_SECONDS):
                    await send({"type": "http.response.body", "body": portion, "more_body": True})
            await send({"type": "http.response.body"})


class FileDoors:
    """Answers requests for files. For the event loop. executor: reads the history."""

    def __init__(
        self,
        *,
        history: Sightings,
        registries: Mapping[str, Registry],
        desk: PageDesk,
        upstream: Upstream,
        store: FileStore,
        hot: HotFiles,
        executor: Executor,
    ) -> None:
        self._history = history
        self._registries = registries
        self._desk = desk
        self._upstream = upstream
        self._store = store
        self._hot = hot
        self._executor = executor

    async def file(self, request: Request) -> Response:
        """Answer ``/files/<key>/<filename>``, and the same with ``.metadata`` at its end."""
        key, written = request.path_params["key"], request.path_params["filename"]
        if not _KEY.fullmatch(key):
            return Refused(HTTPStatus.NOT_FOUND, "the address of a file has its sha256, in 64 small digits")
        loop = asyncio.get_running_loop()
        known = await loop.run_in_executor(self._executor, self._history.file, key)
        known = tuple(one for one in known if one.registry in self._registries)
        named = [one for one in known if one.filename == written]
        wheel = written.removesuffix(_METADATA)
        of_wheel = [one for one in known if one.filename == wheel] if wheel != written and is_wheel(wheel) else []
        files = named or of_wheel
        if not files:
            return Refused(HTTPStatus.NOT_FOUND, f"no registry here has {written}, as far as is known")
        login = Login.of(request.headers.get("authorization"))
        admitted, private = await self._admitted(files, login)
        headers = headers_of_file(key, private=private)
        answer = self._content if named else self._metadata
        return await answer(request, admitted, login, headers)

    async def _admitted(
        self, files: Sequence[HistoricFile], login: Login | None
    ) -> tuple[Sequence[HistoricFile], bool]:
        """Return those that the client may have, and whether that needs a login. Raises where it may have none."""
        public = [one for one in files if not self._registries[one.registry].private]
        if public:
            return public, False
        error: Cachi2ishError = AccessError(f"this user may not have {files[0].filename}")
        for file in files:
            try:
                if await self._desk.admitted(self._registries[file.registry], file.project, login):
                    return [file], True
            except LoginNeededError:
                raise
            except Cachi2ishError as failure:
                error = failure
        raise error

    async def _content(
        self, request: Request, files: Sequence[HistoricFile], login: Login | None, headers: dict[str, str]
    ) -> Response:
        if is_known(request.headers.get, headers["etag"]):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        try:
            return await self._sent(request, files, login, headers)
        except FileNotFoundError:  # it was pruned after it was found, or while machines were still given it
            await self._store.over(files[0].key)
            return await self._sent(request, files, login, headers)

    async def _sent(
        self, request: Request, files: Sequence[HistoricFile], login: Login | None, headers: dict[str, str]
    ) -> Response:
        key, span = files[0].key, ByteRange.of(request.headers.get, headers["etag"])
        blob = await self._store.held(key)
        if blob is None:
            size = files[0].size
            if request.method == "HEAD" and span is None:
                return _announced(size, headers)
            download = self._store.download(key, self._sources(files, login))
            if span is None or (span.start >= 0 and span.end is None and size is not None and span.start < size):
                await download.ended_or_streaming()
                if not download.ended:
                    return FlowingFile(download, span.start if span else 0, headers)
            blob = await download.end()
        self._remember(request, files, key, headers)
        return opened(blob.path, span, headers)

    async def _metadata(
        self, request: Request, files: Sequence[HistoricFile], login: Login | None, headers: dict[str, str]
    ) -> Response:
        beside = [
            Source(
                url=self._address(one, _beside(one.url), login),
                filename=f"{one.filename}{_METADATA}",
                digests=one.metadata,
                size=None,
            )
            for one in files
            if one.metadata is not None
        ]
        first = files[0]
        blob = await self._store.metadata(first.key, first.filename, beside, self._sources(files, login))
        if blob is None:
            return Refused(HTTPStatus.NOT_FOUND, f"the metadata of {files[0].filename} is not to be had alone")
        headers = {**headers, "etag": f'"{blob.sha256}"'}
        self._remember(request, files, blob.sha256, headers)
        return held_file(request.headers.get, blob.path, headers)

    def _remember(
        self, request: Request, files: Sequence[HistoricFile], key: str, headers: dict[str, str]
    ) -> None:
        if not any(self._registries[one.registry].private for one in files):
            self._hot.keep(request.scope["raw_path"], key, headers)

    def _sources(self, files: Sequence[HistoricFile], login: Login | None) -> list[Source]:
        return [
            Source(
                url=self._address(one, one.url, login), filename=one.filename, digests=one.digests, size=one.size
            )
            for one in files
        ]

    def _address(self, file: HistoricFile, url: str, login: Login | None) -> Address:
        private = self._registries[file.registry].private
        return self._upstream.file_address(file.registry, url, login if private else None)


def _beside(url: str) -> str:
    address, question, query = url.partition("?")
    return f"{address}{_METADATA}{question}{query}"


def _announced(size: int | None, headers: Mapping[str, str]) -> Response:
    answer = Response(None, HTTPStatus.OK, dict(headers))
    del answer.headers["content-length"]
    if size is not None:
        answer.headers["content-length"] = str(size)
    return answer
