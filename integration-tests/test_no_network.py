"""The proof behind the other tests: where they say "offline", there is no network."""

from __future__ import annotations

import socket
import sys

from harness import ROUTE_PROBE, Shell

CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10).close()"


def test_offline_a_socket_reaches_nothing_and_outside_it_does(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        outside = shell.try_(sys.executable, "-c", CONNECT, port)
        inside = shell.try_(sys.executable, "-c", CONNECT, port, offline=True)
    assert outside.status == 0, outside.errors
    assert inside.status != 0
    assert "Network is unreachable" in inside.errors


def test_offline_there_is_no_way_out_of_the_machine_and_outside_there_is(shell: Shell) -> None:
    outside = shell.try_(sys.executable, "-c", ROUTE_PROBE)
    inside = shell.try_(sys.executable, "-c", ROUTE_PROBE, offline=True)
    assert outside.status == 0, outside.errors
    assert inside.status != 0
    assert "Network is unreachable" in inside.errors
