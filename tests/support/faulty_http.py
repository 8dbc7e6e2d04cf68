"""A threaded HTTP/1.1 server on loopback that misbehaves when it is told to."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Ending = Literal["keep", "close", "reset", "stall"]


@dataclass(frozen=True)
class Request:
    """A request as it was answered.

    path: as sent, with its query. headers: names in lower case. sent: bytes of the body that went out
    (compressed size for compressed pages). connection: counts from 1.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    status: int
    sent: int
    connection: int


@dataclass(frozen=True)
class Answer:
    """What goes over the wire. cut: body bytes that are really sent; status 0: not even a header is."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    then: Ending = "keep"

    @property
    def sent(self) -> bytes:
        return self.body if self.cut is None else self.body[: self.cut]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request; made by the class methods."""

    instead: Answer | None = None
    content: bytes | None = None
    garble: bool = False
    after: int | None = None
    then: Ending = "keep"

    @classmethod
    def status(cls, status: int, *, retry_after: str | None = None, body: bytes = b"") -> Fault:
        return cls(instead=Answer(status, body, {} if retry_after is None else {"Retry-After": retry_after}))

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Fault:
        return cls(instead=Answer(status, headers={"Location": url}))

    @classmethod
    def reset(cls, after: int | None = None) -> Fault:
        """Reset the connection: before any answer, or after so many bytes of the body."""
        return cls(after=after, then="reset")

    @classmethod
    def truncated(cls, after: int) -> Fault:
        """Promise the whole body (Content-Length), send so many bytes, and close in good order."""
        return cls(after=after, then="close")

    @classmethod
    def stall(cls, after: int | None = None) -> Fault:
        """Fall silent, before any answer or after so many bytes of the body, until the server closes."""
        return cls(after=after, then="stall")

    @classmethod
    def wrong_bytes(cls, content: bytes | None = None) -> Fault:
        """Send another body in good order: ``content``, or one of the same length."""
        return cls(content=content, garble=content is None)

    @classmethod
    def no_fault(cls) -> Fault:
        """Answer rightly: a place holder between faults."""
        return cls()

    def apply(self, right: Answer) -> Answer:
        answer = self.instead or right
        if self.garble:
            answer = replace(answer, body=bytes(byte ^ 0xFF for byte in answer.body))
        elif self.content is not None:
            plain = {name: value for name, value in answer.headers.items() if name != "Content-Encoding"}
            answer = replace(answer, body=self.content, headers=plain)
        if self.then == "keep":
            return answer
        return replace(
            answer, cut=self.after or 0, then=self.then, status=0 if self.after is None else answer.status
        )


#: Method, path with query, headers (names in lower case) and number of the connection become an answer.
Application = Callable[[str, str, Mapping[str, str], int], Answer]


class FaultyServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, application: Application, host: str = "127.0.0.1") -> None:
        self.application = application
        self.pieces: Callable[[bytes], Iterable[bytes]] = lambda body: (body,)  # a body as it is sent
        self.accepted = 0
        self.written = 0
        self.problems: list[Exception] = []
        self.closing = threading.Event()
        self._open: dict[socket.socket, int] = {}
        self._resetting: set[socket.socket] = set()
        self._workers: list[threading.Thread] = []
        self._guard = threading.Lock()
        super().__init__((host, 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer asks the resolver for its own name here, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        worker = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._guard:
            self.accepted += 1
            self._open[request] = self.accepted
            self._workers.append(worker)
        worker.start()

    def connection_of(self, request: socket.socket) -> int:
        with self._guard:
            return self._open[request]

    def count_written(self, size: int) -> None:
        with self._guard:
            self.written += size

    def reset(self, request: socket.socket) -> None:
        """Let the end of this connection be RST instead of FIN."""
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._guard:
            self._resetting.add(request)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(request, None)
            resetting = request in self._resetting
            self._resetting.discard(request)
        if resetting:
            self.close_request(request)  # without shutdown, which would send FIN first
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        problem = sys.exception()
        if isinstance(problem, Exception) and not isinstance(problem, ConnectionError | TimeoutError):
            self.problems.append(problem)

    def close(self) -> None:
        self.shutdown()
        self.closing.set()
        with self._guard:
            for connection in self._open:
                # The other side may have been faster.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for worker in self._workers:
            worker.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FaultyServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        write = self.wfile.write

        def counted(data: Any) -> int:
            self.server.count_written(len(data))  # before anybody can have read it
            return write(data)

        self.wfile.write = counted  # type: ignore[method-assign]

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        number = self.server.connection_of(self.connection)
        answer = self.server.application(self.command, self.path, headers, number)
        if answer.status:
            self._send(answer)
        if answer.then == "stall":
            self.server.closing.wait()
        if answer.then == "reset":
            self.server.reset(self.connection)
        if answer.then != "keep":
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815  (http.server looks for this name)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            for piece in self.server.pieces(answer.sent):
                self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the application keeps a log of its own."""
