"""The line, and its relay for kernels without netem: first without devices, then with them."""

from __future__ import annotations

import math
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

import pytest

from benchmarks.delayed_line import Way, bytes_on_the_wire
from benchmarks.failures import CannotMeasureError
from benchmarks.line import CLIENT, open_line

ASKING = "import socket, sys; print(socket.create_connection((sys.argv[1], 9), 5).recv(9).decode())"
ANSWERING = """
import socket
server = socket.create_server(("", 9))
server.settimeout(20)
print("up", flush=True)
server.accept()[0].send(b"here")
"""


def packet(size: int, segment: int = 0) -> bytes:
    """A packet of so many bytes, 52 of them headers, which is to be cut into segments."""
    return struct.pack("=BBHHHH", 0, 1 if segment else 0, 52, segment, 0, 0) + bytes(size)


def test_a_large_packet_costs_what_its_segments_do() -> None:
    assert bytes_on_the_wire(packet(100)) == 100 + 38
    assert bytes_on_the_wire(packet(52 + 10 * 1448, 1448)) == 10 * (1448 + 52 + 38)
    assert bytes_on_the_wire(packet(52 + 9 * 1448 + 1, 1448)) == 9 * (1448 + 52 + 38) + 1 + 52 + 38


def test_a_packet_is_given_on_when_line_and_delay_have_passed_and_not_before() -> None:
    near, source = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    target, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, source, target, far:
        for one in (source, far):
            one.settimeout(0)
        way = Way(source.fileno(), target.fileno(), 0.05, 1e6)
        assert way.next_at == math.inf
        began = time.monotonic()
        near.send(packet(1000))
        way.take()
        way.give()
        with pytest.raises(BlockingIOError):
            far.recv(4096)
        assert way.next_at >= began + 0.05 + 1038 * 8 / 1e6
        time.sleep(max(0, way.next_at - time.monotonic()))
        way.give()
        assert far.recv(4096) == packet(1000)


def test_what_finds_too_much_in_front_of_it_is_dropped() -> None:
    near, source = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, source:
        source.settimeout(0)
        way = Way(source.fileno(), source.fileno(), 0, 1000)  # one packet takes eight seconds
        for _ in range(3):
            near.send(packet(1000))
            way.take()
        arrival = way.next_at
        assert arrival > time.monotonic() + 5
        assert len(way._packets) == 1


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip", path="/usr/sbin:/sbin") is None, reason="a line needs root and ip"
)
def test_two_namespaces_reach_each_other_over_the_line_and_are_gone_afterwards() -> None:
    try:
        with open_line() as line:
            server = subprocess.Popen(
                [*line.client, sys.executable, "-c", ANSWERING], stdout=subprocess.PIPE, text=True
            )
            with server:
                assert server.stdout
                assert server.stdout.readline() == "up\n"
                began = time.monotonic()
                asked = subprocess.run(
                    [*line.server, sys.executable, "-c", ASKING, CLIENT],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                # A round trip to connect, and half of one for the answer.
                assert time.monotonic() - began >= 0.030
            assert asked.stdout == "here\n", asked.stderr
            names = line.server[-1], line.client[-1]
    except CannotMeasureError as error:
        pytest.skip(str(error))
    left = subprocess.run([line.server[0], "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert not [name for name in names if name in left]
