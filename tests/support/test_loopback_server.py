"""Servers of tests end with their context, whatever their clients do."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from tests.support.loopback_server import LoopbackServer
from tests.support.raw_server import RawServer


class Late(LoopbackServer):
    """A server whose workers begin when they may, and read until they are cut."""

    def __init__(self) -> None:
        super().__init__()
        self.may_begin = threading.Event()

    def _serve_and_close(self, connection: socket.socket) -> None:
        assert self.may_begin.wait(30)
        super()._serve_and_close(connection)

    def serve(self, connection: socket.socket) -> None:
        while connection.recv(10):
            pass


class Deaf(LoopbackServer):
    """A server that does not end when its connections do."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = threading.Event()

    def serve(self, connection: socket.socket) -> None:
        assert self.may_end.wait(30)


def ended(server: LoopbackServer) -> threading.Thread:
    thread = threading.Thread(target=server.__exit__, daemon=True)
    thread.start()
    return thread


def connected(server: LoopbackServer) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), 30)
    end = time.monotonic() + 30
    while not server.taken:
        assert time.monotonic() < end
        time.sleep(0.01)
    return client


def test_a_client_that_says_nothing_keeps_no_server_of_answers_from_its_end() -> None:
    server = RawServer([b"x"]).__enter__()
    with closing(connected(server)):
        ending = ended(server)
        ending.join(10)
        assert not ending.is_alive()


def test_a_worker_that_begins_after_the_end_is_cut() -> None:
    server = Late().__enter__()
    with closing(connected(server)) as client:
        ending = ended(server)
        ending.join(0.2)  # nothing depends on it: the worker may begin before the end or after it
        server.may_begin.set()
        ending.join(10)
        assert not ending.is_alive()
        with suppress(ConnectionError):
            assert client.recv(1) == b""


def test_what_is_opened_after_the_end_is_cut_at_once() -> None:
    server = Late().__enter__()
    server.__exit__()
    ours, theirs = socket.socketpair()
    with ours, server.cuttable(theirs):
        assert theirs.recv(1) == b""


def test_a_server_that_does_not_end_fails_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.loopback_server._PATIENCE", 0.1)
    server = Deaf().__enter__()
    with closing(connected(server)), pytest.raises(AssertionError, match="Deaf does not end"):
        server.__exit__()
    server.may_end.set()
