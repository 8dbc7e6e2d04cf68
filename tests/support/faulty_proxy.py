"""A proxy on loopback before a real server, whose faults a test turns on and off.

with FaultyProxy(server_port) as proxy:
    proxy.fail(ProxyFault.UNAVAILABLE)
    ...
    proxy.heal()
"""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum

from tests.support.loopback_server import PIECE, LoopbackServer, head_of, pass_between

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


class FaultyProxy(LoopbackServer):
    """Passes connections on to a port of this machine; a context manager. faults: how often each was met."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target = port
        self.faults: Counter[ProxyFault] = Counter()
        self._fault = ProxyFault.NONE

    def fail(self, fault: ProxyFault) -> None:
        """Let this happen to all connections from now on, those that are open included."""
        with self._guard:
            self._fault = fault
        self.cut_all()

    def heal(self) -> None:
        self.fail(ProxyFault.NONE)

    def serve(self, connection: socket.socket) -> None:
        with self._guard:
            fault = self._fault
            self.faults[fault] += 1
        match fault:
            case ProxyFault.REFUSED:
                _reset(connection)
            case ProxyFault.UNAVAILABLE:
                _put_off(connection)
            case _:
                server = socket.create_connection(("127.0.0.1", self._target))
                with self.cuttable(server):
                    pass_between(connection, server, self._limited(connection, fault))

    @staticmethod
    def _limited(client: socket.socket, fault: ProxyFault) -> Callable[[bytes], bool]:
        sent = 0

        def may_pass(piece: bytes) -> bool:
            nonlocal sent
            if fault is ProxyFault.SLOW:
                time.sleep(_SLOWNESS)
            sent += len(piece)
            if fault is ProxyFault.CUT and sent > _CUT_AFTER:
                _reset(client)
                return False
            return True

        return may_pass


def _reset(connection: socket.socket) -> None:
    """Let its end be RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _put_off(client: socket.socket) -> None:
    if b"\r\n\r\n" not in head_of(client):
        return
    client.sendall(f"{_BUSY_HEAD}\r\nConnection: close\r\n\r\n".encode() + _BUSY)
    # A body that is still on its way would turn the end into RST, and the answer would be lost.
    client.shutdown(socket.SHUT_WR)
    while client.recv(PIECE):
        pass
