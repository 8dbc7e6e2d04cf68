"""A proxy on loopback that tunnels (RFC 9110 section 9.3.6)."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from tests.support.loopback_server import LoopbackServer, pass_between


class Tunnel(LoopbackServer):
    """certificate: a PEM file with key, to speak TLS with the clients. targets: what they asked for."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__()
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self.port}"
        self.targets: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        client = self._context.wrap_socket(connection, server_side=True) if self._context else connection
        with client:
            target = client.recv(65536).split()[1].decode()
            self.targets.append(target)
            host, _, port = target.rpartition(":")
            server = socket.create_connection((host, int(port)))
            with self.cuttable(server):
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                pass_between(client, server)
