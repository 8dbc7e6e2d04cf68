"""The connection as uvicorn does not show it: reasons in the status line, files from the disk, limits on heads.

uvicorn's protocol is kept as it is. What is added stands between it and the socket, and before its parser.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle, Transport
from typing import TYPE_CHECKING, Any, BinaryIO

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cachi2ish.mirror.server.hot_pages import Ready, matches

if TYPE_CHECKING:
    from starlette.types import Scope

#: Where an application finds the `Wire` of its request, in the extensions of ASGI.
_EXTENSION = "cachi2ish.wire"

#: And where the cycle is with which uvicorn counts what is sent: that of the connection may be of a later request.
_CYCLE = "cachi2ish.cycle"

#: Bytes of the line and the headers of one request.
LONGEST_HEAD = 64 * 1024

#: Seconds from the first byte of a connection, or of a request, to the end of its headers.
HEAD_SECONDS = 10.0

#: Bytes of a file that a client takes within `_SLICE_SECONDS`, or it is let go.
_SLICE = 4 * 1024 * 1024
_SLICE_SECONDS = 300.0

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Wire:
    """One connection. Stands in for its transport; what it does not know itself, it passes on.

    reason: the phrase of the next status line, instead of the one that the status has.
    """

    def __init__(self, transport: Transport) -> None:
        self.reason = ""
        self._transport = transport

    @classmethod
    def of(cls, scope: Scope) -> Wire:
        """Return the one that a request came over."""
        wire: Wire = scope["extensions"][_EXTENSION]
        return wire

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever a transport has)
        return getattr(self._transport, name)

    @property
    def is_gone(self) -> bool:
        """Whether the client is not there any more."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes. The first ones of an answer are its status line."""
        if self.reason:
            line, separator, rest = data.partition(b"\r\n")
            version, status, _ = line.split(b" ", 2)
            data = b" ".join((version, status, self.reason.encode("latin-1", "replace"))) + separator + rest
            self.reason = ""
        self._transport.write(data)

    async def send_file(self, scope: Scope, file: BinaryIO, offset: int, count: int) -> None:
        """Send a part of a file as the body that the headers have announced, without a copy in memory.

        scope: of the request.

        Raises `TimeoutError` where the client takes nothing of it, and `OSError` where it has gone.
        """
        loop = asyncio.get_running_loop()
        end = offset + count
        while offset < end:
            if self.is_gone:
                raise BrokenPipeError
            async with asyncio.timeout(_SLICE_SECONDS):
                sent = await loop.sendfile(self._transport, file, offset, min(_SLICE, end - offset))
            if not sent:
                raise OSError("the file is shorter than it was")
            offset += sent
        # What uvicorn counts has not gone through its hands.
        scope["extensions"][_CYCLE].expected_content_length = 0


class DoorProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a limit on how long a head may be, and on how long it may take."""

    _wire: Wire | None = None
    _head = 0
    _answered = False
    _timer: TimerHandle | None = None
    _between = True  # two requests: nothing of the next one has come
    _begun = 0  # requests in the bytes that are read now
    _used_at = 0.0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin; called by asyncio."""
        self._wire = Wire(transport)
        super().connection_made(self._wire)  # type: ignore[arg-type]  # it stands in for one
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called by asyncio."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of requests; called by asyncio."""
        alone = self._between and not self._is_answering
        if alone and self._answer_again(data):
            return
        self._head += len(data)
        if self._timer is None and not self._is_answering:
            self._await_head()
        self._begun = 0
        super().data_received(data)
        if alone and self._answered and self._between and self._begun == 1:
            self.app.remember(data, self.url, self.headers)
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request; called by the parser."""
        super().on_message_begin()
        self._between = self._answered = False
        self._begun += 1
        if self._timer is None:
            self._await_head()
        extensions: Any = {_EXTENSION: self._wire}
        self.scope["extensions"] = extensions

    def on_headers_complete(self) -> None:
        """Answer a request; called by the parser."""
        self._head = 0
        self._stop_waiting()
        self._answered = self._answer_at_once()
        if not self._answered:
            extensions: Any = self.scope["extensions"]
            super().on_headers_complete()
            extensions[_CYCLE] = self.cycle

    def on_body(self, body: bytes) -> None:
        """Take a part of the body of a request; called by the parser."""
        if not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; called by the parser."""
        self._between = True
        if not self._answered:
            super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is idle; called by the clock."""
        left = self._used_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _answer_again(self, data: bytes) -> bool:
        """Answer what came before, byte for byte, without reading it; return whether it did and is in memory."""
        found = None if self.flow.write_paused else self.app.again(data)
        if found is None:
            return False
        self._stop_waiting()
        self._send(*found)
        return True

    def _answer_at_once(self) -> bool:
        """Answer with what is in memory, without a task; return whether there is anything."""
        parser = self.parser
        if self._is_answering or self.flow.write_paused or parser.get_method() != b"GET":
            return False
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        found = self.app.instant(self.url, self.headers)
        if found is None:
            return False
        self._send(*found)
        return True

    def _send(self, ready: Ready, known: bytes) -> None:
        dated = b"".join([b"%s: %s\r\n" % one for one in self.server_state.default_headers])
        if known and matches(known, ready.etag):
            answer: tuple[bytes, ...] = (b"HTTP/1.1 304 Not Modified\r\n", dated, ready.head_unchanged)
        else:
            answer = (b"HTTP/1.1 200 OK\r\n", dated, ready.head, ready.body)
        self.transport.write(b"".join(answer))
        if self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:  # it is not set anew for each answer, which would cost as much as the rest: see its handler
            self._used_at = self.loop.time()
            self.server_state.total_requests += 1

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._is_answering:  # the next request of a client that has not read the answer to this one
            self._await_head()
        else:
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
