"""The doors to files: ``/files/<key>/<filename>``, and the metadata of wheels beside them (PEP 658)."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cachi2ish.core.distributions import is_wheel
from cachi2ish.core.urls import Address
from cachi2ish.errors import AccessError, Cachi2ishError
from cachi2ish.mirror.file_store import FileStore, Source
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.page_desk import LoginNeededError, PageDesk
from cachi2ish.mirror.records import HistoricFile, Registry
from cachi2ish.mirror.relay import Download
from cachi2ish.mirror.server.door_protocol import Wire
from cachi2ish.mirror.server.replies import Refused
from cachi2ish.mirror.upstream import Login, Upstream

_KEY = re.compile("[0-9a-f]{64}|u[0-9a-f]{63}")
_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?")

_METADATA = ".metadata"

#: Seconds in which a client takes one portion, or it is let go.
_PORTION_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a file that a client wants. end: None for its end; start: less than 0 counts from there."""

    start: int
    end: int | None

    @classmethod
    def of(cls, request: Request, etag: str) -> Span | None:
        """Return what ``Range`` asks for; None for the whole: several parts are not served as such."""
        found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
        if found is None or request.headers.get("if-range", etag) != etag or found[1] == found[2] == None:  # noqa: E711
            return None
        if found[1] is None:
            return cls(-int(found[2]), None)
        if found[2] is not None and int(found[2]) < int(found[1]):
            return None
        return cls(int(found[1]), None if found[2] is None else int(found[2]) + 1)

    def within(self, size: int) -> tuple[int, int] | None:
        """Return where it begins and ends in a file of ``size`` bytes; None where nothing of it is there."""
        start = max(0, size + self.start) if self.start < 0 else self.start
        end = size if self.end is None else min(size, self.end)
        return (start, end) if start < end else None


class HeldFile(Response):
    """A file from the disk, or a part of it."""

    def __init__(self, file: BinaryIO, start: int, end: int, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(None, status, {**headers, "content-length": str(end - start)})
        self._file = file
        self._start, self._end = start, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (as Starlette calls it)
        """Send it; a client that goes away ends it."""
        with self._file, suppress(OSError):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD" and self._end > self._start:
                await Wire.of(scope).send_file(scope, self._file, self._start, self._end - self._start)
            await send({"type": "http.response.body"})


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (as above)
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
        executor: Executor,
    ) -> None:
        self._history = history
        self._registries = registries
        self._desk = desk
        self._upstream = upstream
        self._store = store
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
        if named:
            return await self._content(request, admitted, login, headers)
        return await self._metadata(request, admitted, login, headers)

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
        key, etag = files[0].key, headers["etag"]
        if _not_modified(request, etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        span = Span.of(request, etag)
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
        return _held(blob.path, span, headers)

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
        blob = await self._store.metadata(files[0].key, files[0].filename, beside)
        if blob is None:
            return Refused(HTTPStatus.NOT_FOUND, f"the metadata of {files[0].filename} is not to be had alone")
        return held_file(request, blob.path, {**headers, "etag": f'"{blob.sha256}"'})

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


def headers_of_file(key: str, *, private: bool = False) -> dict[str, str]:
    """Return the headers of what never changes. key: in its address; stands in the ETag."""
    cache = f"{'private, ' if private else ''}max-age=31536000, immutable"
    return {
        "cache-control": cache,
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
        "etag": f'"{key}"',
    }


def held_file(request: Request, path: Path, headers: Mapping[str, str]) -> Response:
    """Return a file of the disk, the part that is asked for, or that nothing has changed. Raises `OSError`."""
    if _not_modified(request, headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return _held(path, Span.of(request, headers["etag"]), headers)


def _beside(url: str) -> str:
    address, question, query = url.partition("?")
    return f"{address}{_METADATA}{question}{query}"


def _not_modified(request: Request, etag: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/") in {etag, "*"} for one in known.split(","))


def _announced(size: int | None, headers: Mapping[str, str]) -> Response:
    answer = Response(None, HTTPStatus.OK, dict(headers))
    del answer.headers["content-length"]
    if size is not None:
        answer.headers["content-length"] = str(size)
    return answer


def _held(path: Path, span: Span | None, headers: Mapping[str, str]) -> Response:
    # A named pipe would be waited for, with everybody else's requests.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if not S_ISREG(found.st_mode):
        os.close(descriptor)
        return Refused(HTTPStatus.NOT_FOUND, f"{path.name} is no regular file")
    file = os.fdopen(descriptor, "rb", buffering=0)
    size = found.st_size
    if span is None:
        return HeldFile(file, 0, size, HTTPStatus.OK, headers)
    within = span.within(size)
    if within is None:
        file.close()
        return Refused(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the file has {size} bytes",
            {"content-range": f"bytes */{size}"},
        )
    start, end = within
    part = {**headers, "content-range": f"bytes {start}-{end - 1}/{size}"}
    return HeldFile(file, start, end, HTTPStatus.PARTIAL_CONTENT, part)
