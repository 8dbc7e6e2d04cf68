"""The connection as uvicorn does not show it: answers out of memory, small files, limits on heads.

uvicorn's protocol is kept as it is. What is added stands between it and the socket, and before its parser.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cachi2ish.mirror.server.hot_pages import Ready, matches
from cachi2ish.mirror.server.sending.held_files import HeldFile
from cachi2ish.mirror.server.sending.request_wire import CYCLE, EXTENSION, Wire

#: Bytes of the line and the headers of one request.
LONGEST_HEAD = 64 * 1024

#: Seconds from the first byte of a connection, or of a request, to the end of its headers.
HEAD_SECONDS = 10.0

#: Bytes of a file that are read and sent with the headers.
_AT_ONCE = 128 * 1024

_READING = frozenset({b"GET", b"HEAD"})

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class DoorProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a limit on how long a head may be, and on how long it may take."""

    _wire: Wire | None = None
    _head = 0
    _answered = False
    _of_page = False  # what was answered so
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
        if self._wire is not None:
            self._wire.lost()
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
        if alone and self._of_page and self._between and self._begun == 1:
            self.app.remember(data, self.url, self.headers)
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request; called by the parser."""
        super().on_message_begin()
        self._between = self._answered = self._of_page = False
        self._begun += 1
        if self._timer is None:
            self._await_head()
        extensions: Any = {EXTENSION: self._wire}
        self.scope["extensions"] = extensions

    def on_headers_complete(self) -> None:
        """Answer a request; called by the parser."""
        self._head = 0
        self._stop_waiting()
        self._answered = self._answer_at_once()
        if not self._answered:
            extensions: Any = self.scope["extensions"]
            super().on_headers_complete()
            extensions[CYCLE] = self.cycle

    def on_body(self, body: bytes) -> None:
        """Take a part of the body of a request; called by the parser."""
        if self._answered:
            return  # nobody wants it, and what the request was is not written down
        if self.scope["method"] == "POST":
            self._head = 0  # how much of a body is taken is the door's to say
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
        parser, method = self.parser, self.parser.get_method()
        if self._is_answering or self.flow.write_paused or method not in _READING:
            return False
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        if self.url.startswith(b"/files/"):
            return self._answer_file(with_body=method == b"GET")
        found = self.app.instant(self.url, self.headers) if method == b"GET" else None
        if found is None:
            return False
        self._of_page = True
        self._send(*found)
        return True

    def _answer_file(self, *, with_body: bool) -> bool:
        found = self.app.file(self.url, self.headers, _AT_ONCE if with_body else None)
        if found is None:
            return False
        body = found.content(with_body=with_body) if isinstance(found, HeldFile) else b""
        if body is None:
            return False
        status = HTTPStatus(found.status_code)
        head = [b"%s: %s\r\n" % one for one in found.raw_headers]
        line = b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode())
        self._write(line, b"".join(head) + b"\r\n", body)
        return True

    def _send(self, ready: Ready, known: bytes) -> None:
        if known and matches(known, ready.etag):
            self._write(b"HTTP/1.1 304 Not Modified\r\n", ready.head_unchanged, b"")
        else:
            self._write(b"HTTP/1.1 200 OK\r\n", ready.head, ready.body)

    def _write(self, line: bytes, head: bytes, body: bytes) -> None:
        """Send an answer, all of it: the rest of its head is after the date."""
        dated = b"".join([b"%s: %s\r\n" % one for one in self.server_state.default_headers])
        self.transport.write(b"".join((line, dated, head, body)))
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
