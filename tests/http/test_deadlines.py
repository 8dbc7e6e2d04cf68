"""Servers that never end: each costs some seconds and no more. The clock is real, and the waits are short."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.urls import Address
from cachi2ish.errors import NetworkError
from cachi2ish.http.download import FileDownloader
from cachi2ish.http.session import HttpSession
from cachi2ish.http.traffic import HttpTraffic
from tests.http.support import ORIGIN, SETTINGS, Progress
from tests.services.fakes import FakeRecollection

Connect = Callable[..., HttpSession]

#: Seconds: far above what the limits allow, and far below what these servers would take.
ENOUGH = 20

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes sessions with a real clock, and without waits between attempts."""
    with ExitStack() as stack:

        def make(**changes: object) -> HttpSession:
            settings = replace(SETTINGS, **{"read_timeout": 0.5, **changes})
            return stack.enter_context(HttpSession(settings, sleep=lambda _seconds: None))

        yield make


@contextmanager
def endless(beginning: bytes, drop: bytes, pause: float = 0.05) -> Iterator[str]:
    """A server that says ``beginning`` to everybody, and then ``drop`` again and again; yields its address."""
    stop = threading.Event()

    def say(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(beginning)
            while not stop.wait(pause):
                connection.sendall(drop)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=say, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD, b"x"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 60000\r\n\r\n", b"x"),
    ],
    ids=["a header without end", "endless 100 Continue", "a body by the byte", "an error page by the byte"],
)
def test_an_answer_without_end_is_an_error_in_time(connect: Connect, beginning: bytes, drop: bytes) -> None:
    with endless(beginning, drop) as url:
        began = time.monotonic()
        with pytest.raises(NetworkError):
            connect(retries=1).get(f"{url}/page")
        assert time.monotonic() - began < ENOUGH


def test_a_file_by_the_byte_is_an_error_in_time(connect: Connect, blobs: DiskBlobs) -> None:
    with endless(HEAD, b"x") as url:
        artifact = Artifact(filename="a.zip", url=Address(f"{url}/a.zip"), size=1_000_000, origin=ORIGIN)
        began = time.monotonic()
        with pytest.raises(NetworkError, match=r"a\.zip cannot be downloaded"):
            FileDownloader(connect(retries=1), blobs, FakeRecollection()).fetch(artifact, Progress())
        assert time.monotonic() - began < ENOUGH


@pytest.mark.parametrize("size", [8191, 8193, 16_384, 20_000, 300_000])
def test_an_answer_whose_connection_stays_open_is_whole_at_its_last_byte(connect: Connect, size: int) -> None:
    beginning = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    with endless(beginning, b"") as url, connect(retries=0).stream(Address(f"{url}/page")) as stream:
        assert sum(map(len, stream.chunks())) == size


def test_what_comes_is_counted_while_more_is_awaited() -> None:
    traffic, settings = HttpTraffic(time.monotonic), replace(SETTINGS, read_timeout=10)
    with endless(HEAD, bytes(20_000), 0.04) as url, HttpSession(settings, traffic=traffic) as http:
        reading = threading.Thread(target=http.get, args=(f"{url}/page",))
        reading.start()
        counted = []
        while reading.is_alive():
            counted.append(traffic.received)
            time.sleep(0.04)
    steps = [after - before for before, after in pairwise(counted)]
    assert max(steps) <= 100_000  # and not a chunk of 256 KB at once
    assert traffic.received == len(HEAD) + 1_000_000


def test_a_slow_line_is_fast_enough(connect: Connect) -> None:
    body = b"x" * 5000
    with endless(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n", body, 0.8) as url:
        assert len(connect(retries=0, read_timeout=2).get(f"{url}/page").body) == 20_000


def test_the_least_speed_is_a_setting(connect: Connect) -> None:
    long = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n", b"x" * 5000, 0.4)
    with long as url, pytest.raises(NetworkError):
        connect(retries=0, least_speed=100_000).get(f"{url}/page")
    with endless(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", b"x" * 10, 0.8) as url:
        assert connect(retries=0, least_speed=0, read_timeout=2).get(f"{url}/page").body == b"x" * 40
