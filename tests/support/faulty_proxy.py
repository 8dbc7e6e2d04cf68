"""A proxy on loopback before a real server, whose faults a test turns on and off.

with FaultyProxy(server_port) as proxy:
    proxy.fail(ProxyFault.UNAVAILABLE)
    ...
    proxy.heal()
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from enum import Enum
from typing import Self

#: Bytes that are passed on at once.
_PIECE = 16 * 1024

#: Seconds between two pieces of a slow server, and bytes of an answer before it is cut.
_SLOWNESS, _CUT_AFTER = 0.02, 20_000

#: What S3 says when it has too much to do.
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_BUSY_HEAD = f"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: {len(_BUSY)}"


class ProxyFault(Enum):
    """What goes wrong with each connection.

    REFUSED: it is reset at once. UNAVAILABLE: S3 asks to come later. SLOW: some hundred kB a second. CUT: it is
    reset in the middle of an answer.
    """

    NONE = 0
    REFUSED = 1
    UNAVAILABLE = 2
    SLOW = 3
    CUT = 4


class FaultyProxy:
    """Passes connections on to a port of this machine; a context manager. faults: how often each was met."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.faults: Counter[ProxyFault] = Counter()
        self._fault = ProxyFault.NONE
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._workers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._end_all()
        for worker in self._workers:
            worker.join()

    def fail(self, fault: ProxyFault) -> None:
        """Let this happen to all connections from now on, those that are open included."""
        with self._guard:
            self._fault = fault
        self._end_all()

    def heal(self) -> None:
        self.fail(ProxyFault.NONE)

    def _end_all(self) -> None:
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            worker = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._workers.append(worker)
            worker.start()

    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(client)
            with self._guard:
                fault = self._fault
                self.faults[fault] += 1
                self._open.add(client)
            stack.callback(self._forget, client)
            match fault:
                case ProxyFault.REFUSED:
                    _reset(client)
                case ProxyFault.UNAVAILABLE:
                    _put_off(client)
                case _:
                    self._pass_on(client, fault, stack)

    def _pass_on(self, client: socket.socket, fault: ProxyFault, stack: ExitStack) -> None:
        server = stack.enter_context(socket.create_connection(("127.0.0.1", self._target)))
        with self._guard:
            self._open.add(server)
        stack.callback(self._forget, server)
        up = threading.Thread(target=_copy, args=(client, server), daemon=True)
        up.start()
        sent = 0
        while piece := server.recv(_PIECE):
            if fault is ProxyFault.SLOW:
                time.sleep(_SLOWNESS)
            sent += len(piece)
            if fault is ProxyFault.CUT and sent > _CUT_AFTER:
                _reset(client)
                break
            client.sendall(piece)
        for one in (client, server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        up.join()

    def _forget(self, one: socket.socket) -> None:
        with self._guard:
            self._open.discard(one)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def _reset(connection: socket.socket) -> None:
    """Let its end be RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _put_off(client: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(_PIECE)
        if not piece:
            return
        head += piece
    client.sendall(f"{_BUSY_HEAD}\r\nConnection: close\r\n\r\n".encode() + _BUSY)
    # A body that is still on its way would turn the end into RST, and the answer would be lost.
    client.shutdown(socket.SHUT_WR)
    while client.recv(_PIECE):
        pass
