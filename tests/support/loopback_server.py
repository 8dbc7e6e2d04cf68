"""What servers of tests on loopback share: a port that the system picks, how they begin, and how they end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

#: Bytes that are passed on at once.
PIECE = 16 * 1024

#: Seconds after which a server that has been cut and has not ended never will.
_PATIENCE = 60.0


class LoopbackServer:
    """Takes connections as long as its context lasts; each is served in a thread. At the end all of them are cut.

    A subclass says in `serve` what becomes of a connection, which is closed after it.
    taken: how many connections there were.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._guard = threading.Lock()
        self.taken = 0
        self._open: set[socket.socket] = set()
        self._ending = False
        self._workers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self.run, daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._ending = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.cut_all()
        end = time.monotonic() + _PATIENCE
        self._join(self._thread, end)
        self._listener.close()
        for worker in self._workers:
            self._join(worker, end)

    def run(self) -> None:
        """Take connections until the end; runs in a thread of its own."""
        for connection in self.connections():
            worker = threading.Thread(target=self._serve_and_close, args=(connection,), daemon=True)
            self._workers.append(worker)
            worker.start()

    def connections(self) -> Iterator[socket.socket]:
        """Yield connections, which `cut_all` ends from here on, until the end."""
        with suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self._let_be_cut(connection)
                self.taken += 1
                yield connection

    def serve(self, connection: socket.socket) -> None:
        """Do with a connection what the test is about; an `OSError` ends it."""
        raise NotImplementedError

    def cut_all(self) -> None:
        """End all connections that are open."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def cuttable(self, connection: socket.socket) -> Iterator[None]:
        """Let `cut_all` end a connection, which is closed with the block."""
        self._let_be_cut(connection)
        try:
            with connection:
                yield
        finally:
            with self._guard:
                self._open.discard(connection)

    def _let_be_cut(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.add(connection)
            if self._ending:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _join(self, thread: threading.Thread, end: float) -> None:
        thread.join(max(0.0, end - time.monotonic()))
        assert not thread.is_alive(), f"{type(self).__name__} does not end"

    def _serve_and_close(self, connection: socket.socket) -> None:
        with suppress(OSError), self.cuttable(connection):
            self.serve(connection)


def pass_between(
    client: socket.socket, server: socket.socket, may_pass: Callable[[bytes], bool] = lambda _piece: True
) -> None:
    """Pass on what comes from each of the two to the other one, until the server ends; both are cut then.

    may_pass: is asked for each piece of the server; where it returns False, that is the end.
    """
    up = threading.Thread(target=_pass_on, args=(client, server), daemon=True)
    up.start()
    try:
        while (piece := server.recv(PIECE)) and may_pass(piece):
            client.sendall(piece)
    finally:
        for one in (client, server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        up.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def head_of(connection: socket.socket) -> bytes:
    """Return the head of a request, and what came with it; what there is of it where the client ends before."""
    head = b""
    while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
        head += piece
    return head
