from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.waiting import Ready

from cachi2ish.mirror.history.engines import liveness
from cachi2ish.mirror.history.engines.liveness import Liveness, Peer, ServerSilentError, SlowLoginError

PEER = Peer(socket.AF_INET, ("127.0.0.1", 5432))

NOTHING, WRITTEN, ANSWERED = Ready.NONE, Ready.W, Ready.R


class Line:
    """A server that answers new lines or not, and a clock: each time that it does not takes five seconds."""

    def __init__(self) -> None:
        self.now, self.there, self.asked = 1000.0, True, 0
        self.during: list[Exchange] = []
        self.liveness = Liveness(lambda: self.now, self.answers)
        self.liveness._peer = PEER

    def answers(self, peer: Peer) -> bool:
        assert peer == PEER
        self.asked += 1
        if not self.there:
            self.now += 5
            for one in self.during:
                one.goes(ANSWERED)
        return self.there

    def exchange(self) -> Exchange:
        return Exchange(self)


class Exchange:
    """What is asked over one connection, and waits."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._steps = line.liveness.watching(self._ask(), lambda: PEER)
        next(self._steps)

    @staticmethod
    def _ask() -> Generator[Any, Any, None]:
        while True:
            yield "wants to read"

    def goes(self, ready: Ready) -> None:
        self._steps.send(ready)

    def waits(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            self._line.now += 0.1
            self.goes(NOTHING)

    def ends(self) -> None:
        self._steps.close()


@pytest.fixture
def line() -> Line:
    return Line()


def make_silent(line: Line) -> None:
    line.there = False
    with pytest.raises(ServerSilentError):
        line.exchange().waits(20)


def test_who_waits_long_asks_now_and_then_and_goes_on_while_the_server_is_there(line: Line) -> None:
    line.exchange().waits(60)
    assert 5 < line.asked < 14


def test_where_nothing_answers_who_waits_is_released_and_who_comes_is_refused(line: Line) -> None:
    other = line.exchange()
    make_silent(line)
    with pytest.raises(ServerSilentError):
        other.goes(NOTHING)
    first = line.exchange()  # one tries, and waits
    for _ in range(3):
        with pytest.raises(ServerSilentError):
            line.exchange()
    with pytest.raises(ServerSilentError):
        first.waits(6)


def test_a_new_line_without_an_answer_counts_for_nothing_where_another_connection_has_one(line: Line) -> None:
    waiting, busy = line.exchange(), line.exchange()
    line.there, line.during = False, [busy]
    waiting.waits(60)
    assert line.asked > 2
    line.during = []
    with pytest.raises(ServerSilentError):
        waiting.waits(20)


def test_bytes_that_a_kernel_takes_are_no_answer(line: Line) -> None:
    waiting, sending = line.exchange(), line.exchange()
    line.there = False

    def wait_and_send() -> None:
        for _ in range(200):
            waiting.waits(0.1)
            sending.goes(WRITTEN)

    with pytest.raises(ServerSilentError):
        wait_and_send()


def test_an_answer_over_any_connection_ends_the_silence(line: Line) -> None:
    make_silent(line)
    trying = line.exchange()
    trying.goes(WRITTEN)
    trying.goes(ANSWERED)
    line.exchange().goes(NOTHING)
    trying.ends()
    assert line.asked == 1


def refuse(monkeypatch: pytest.MonkeyPatch, line: Line, error: psycopg.Error, seconds: float = 0) -> None:
    def connect(*_: object, **__: object) -> None:
        line.now += seconds
        raise error

    monkeypatch.setattr(liveness._WatchedConnection, "connect", connect)


def test_a_login_that_hangs_says_nothing_of_a_server_that_answers(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, line, psycopg.errors.ConnectionTimeout(), 10)
    waiting = line.exchange()
    for _ in range(3):
        with pytest.raises(SlowLoginError):
            line.liveness.connect()
    waiting.goes(NOTHING)
    line.there = False
    with pytest.raises(ServerSilentError):
        line.liveness.connect()
    with pytest.raises(ServerSilentError):
        waiting.goes(NOTHING)


def test_while_a_server_is_silent_one_in_a_while_tries_a_new_connection(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_silent(line)
    refuse(monkeypatch, line, psycopg.errors.ConnectionTimeout(), 10)
    before = line.now
    for _ in range(5):
        with pytest.raises(ServerSilentError):
            line.liveness.connect()
    assert round(line.now - before) == 15  # one login, and one question
    line.now += 6
    refuse(monkeypatch, line, psycopg.OperationalError("connection refused"))
    for _ in range(5):
        with pytest.raises(psycopg.OperationalError, match="refused"):
            line.liveness.connect()


def test_a_first_login_that_hangs_is_all_that_is_known_of_a_server(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.liveness._peer = None
    refuse(monkeypatch, line, psycopg.errors.ConnectionTimeout(), 10)
    with pytest.raises(ServerSilentError):
        line.liveness.connect()
    assert line.asked == 0


def test_anything_that_the_other_end_says_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_ANSWER_TIME", 0.2)
    for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(tmp_path / "socket"))):
        with socket.socket(family) as listening:
            listening.bind(address)
            peer = Peer(family, listening.getsockname())
            assert peer.answers()  # it refuses
            listening.listen(0)
            assert not peer.answers()
            with suppress(BlockingIOError), socket.socket(family) as waiting:
                waiting.settimeout(0)
                waiting.connect(peer.address)
            assert not peer.answers()  # nobody takes even the connection
        assert peer.answers()
