"""Who may ask what: tokens, private registries, and clients that mean no good."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Self
from urllib.parse import quote

import pytest
from starlette.types import Message, Receive, Scope, Send

from cachi2ish.errors import StorageError
from cachi2ish.mirror.accepted import Tokens
from cachi2ish.mirror.application import Rules
from cachi2ish.mirror.server import door_protocol, serving
from cachi2ish.mirror.server.gate import Gate
from cachi2ish.mirror.server.hot_pages import HotPages, Ready, Wishes
from cachi2ish.mirror.server.metrics import Metrics
from cachi2ish.mirror.server.sending.request_wire import EXTENSION
from tests.mirror.server.conftest import OLD
from tests.mirror.server.test_file_doors import path_of
from tests.support.distributions import make_wheel
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import MirrorServer

ANNA, BERT = ("anna", "s3cret:with colon"), ("bert", "other")
PAGE = "/r/team/2023-06-01/simple/ours/"
OURS = make_wheel("ours", "1.0")


@pytest.fixture
def team() -> Iterator[IndexServer]:
    """A registry that lets anna in."""
    with IndexServer(credentials=ANNA) as index:
        index.add("ours", OURS, upload_time="2023-05-01T10:00:00+00:00")
        yield index


@pytest.fixture
def private(upstream: IndexServer, team: IndexServer, tmp_path: Path) -> Iterator[MirrorServer]:
    with MirrorServer(
        tmp_path / "mirror", private=("team",), pypi=upstream.index_url, team=team.index_url
    ) as mirror:
        yield mirror


def test_a_private_page_is_for_those_whom_the_registry_lets_in(private: MirrorServer) -> None:
    nobody = private.get(PAGE)
    assert nobody.status == 401
    assert nobody.headers["www-authenticate"].startswith("Basic")
    assert private.get(PAGE, login=BERT).status == 403
    anna = private.get(PAGE, login=ANNA)
    assert anna.status == 200
    assert "private" in anna.headers["cache-control"]
    assert private.get(PAGE, login=BERT).status == 403
    assert private.get(PAGE).status == 401
    assert private.get("/r/team/2023-06-01/simple/", login=ANNA).status == 403


def test_a_private_file_is_for_them_alone_too_when_it_is_held(private: MirrorServer) -> None:
    private.get(PAGE, login=ANNA)
    path = f"/files/{OURS.sha256}/{OURS.filename}"
    assert private.get(path).status == 401
    assert private.get(path, login=BERT).status == 403
    assert private.get(path, login=ANNA).body == OURS.content
    assert private.get(path).status == 401
    assert private.get(path, login=BERT).status == 403
    assert private.get(f"{path}.metadata", login=BERT).status == 403
    assert private.get(path, method="HEAD").status == 401
    assert private.get(path, login=ANNA, Range="bytes=0-1").status == 206


def test_what_the_registry_has_accepted_holds_for_a_short_time(private: MirrorServer, team: IndexServer) -> None:
    for _ in range(3):
        assert private.get(PAGE, login=ANNA).status == 200
    asked = len(team.requests)
    assert asked <= 2
    team.script("/simple/ours/", [Fault.status(503)] * 5)
    assert private.get(PAGE, login=ANNA).status == 200
    assert private.get(PAGE, login=BERT).status in {403, 502}


def test_a_login_goes_to_its_registry_and_nowhere_else(
    private: MirrorServer, team: IndexServer, upstream: IndexServer
) -> None:
    private.get(PAGE, login=ANNA)
    private.get("/2023-06-01/simple/demo/", login=ANNA)
    private.get(path_of(private, "demo", OLD.filename), login=ANNA)
    assert all("authorization" in one.headers for one in team.requests)
    assert not any("authorization" in one.headers for one in upstream.requests)

    team.script("/simple/ours/", [Fault.redirect(f"{upstream.url}/simple/demo/")])
    private.get("/r/team/live/simple/ours/", login=ANNA)
    assert not any("authorization" in one.headers for one in upstream.requests)


def test_no_login_is_kept_anywhere(private: MirrorServer, caplog: pytest.LogCaptureFixture) -> None:
    private.get(PAGE, login=ANNA)
    private.get(f"/files/{OURS.sha256}/{OURS.filename}", login=ANNA)
    private.get(PAGE, login=BERT)
    written = base64.b64encode(":".join(ANNA).encode())
    secrets = [ANNA[1].encode(), written, quote(ANNA[1], safe="").encode(), b"other"]
    kept = [file.read_bytes() for file in private.directory.rglob("*") if file.is_file()]
    kept.append(private.get("/metrics").body)
    kept.append(caplog.text.encode())
    for secret in secrets[:3]:
        assert not any(secret in content for content in kept)


def test_a_stranger_does_not_delete_a_project(private: MirrorServer, team: IndexServer) -> None:
    private.get(PAGE, login=ANNA)
    team.script("/simple/ours/", [Fault.status(404)])
    assert private.get(PAGE, login=BERT).status == 403
    assert private.get("/r/team/live/simple/ours/", login=ANNA).status == 200


def test_only_who_has_a_token_comes_in(upstream: IndexServer, tmp_path: Path) -> None:
    rules = Rules(tokens=Tokens(["a-long-token-of-ours"]))
    with MirrorServer(tmp_path / "mirror", rules=rules, pypi=upstream.index_url) as mirror:
        for path in ("/2023-06-01/simple/demo/", "/", "/metrics"):
            for _ in range(2):
                assert mirror.get(path).status == 401
                assert mirror.get(path, login=("user", "wrong")).status == 401
                assert mirror.get(path, login=("user", "a-long-token-of-ours")).status == 200
                assert mirror.get(path, Authorization="Bearer a-long-token-of-ours").status == 200
        assert mirror.get("/healthz").status == 200
        assert mirror.get("/readyz").body == b"ready\n"
    assert not any("authorization" in one.headers for one in upstream.requests)


def talk(mirror: MirrorServer, text: bytes, *, wait: float = 5.0) -> bytes:
    """Send bytes, and return what comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", int(mirror.url.rpartition(":")[2])), timeout=wait) as connection:
        connection.sendall(text)
        got = b""
        while True:
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                return got + b"<still open>"
            except ConnectionError:
                return got
            if not piece:
                return got
            got += piece


def test_a_head_without_end_is_cut_off(mirror: MirrorServer) -> None:
    long = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x-header: " + b"y" * (door_protocol.LONGEST_HEAD + 100)
    assert talk(mirror, long).startswith(b"HTTP/1.1 431 ")
    many = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x: y\r\n" * (door_protocol.LONGEST_HEAD // 4)
    assert talk(mirror, many).startswith(b"HTTP/1.1 431 ")


def test_a_head_that_does_not_come_is_not_waited_for(
    mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_protocol, "HEAD_SECONDS", 0.3)
    begun = time.monotonic()
    assert talk(mirror, b"GET / HTTP/1.1\r\nHost: x\r\n") == b""
    assert talk(mirror, b"") == b""
    second = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n"
    assert talk(mirror, second).count(b"HTTP/1.1 ") == 1
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT host:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff\xfe/simple/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_no_request_ends_the_connection_and_nothing_else(mirror: MirrorServer, text: bytes) -> None:
    answer = talk(mirror, text, wait=2)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert mirror.get("/healthz").status == 200


def test_requests_in_a_row_are_answered_in_their_order(mirror: MirrorServer) -> None:
    mirror.get("/2023-06-01/simple/demo/")
    page = b"GET /2023-06-01/simple/demo/ HTTP/1.1\r\nHost: x\r\n\r\n"
    health = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    end = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(mirror, page + health + page + page + end)
    assert answer.count(b"HTTP/1.1 200 OK") == 5
    assert [answer.find(b"Links for demo"), answer.rfind(b"ok\n")] == sorted(
        [answer.find(b"Links for demo"), answer.rfind(b"ok\n")]
    )


def test_a_body_that_nobody_wants_does_no_harm(mirror: MirrorServer) -> None:
    mirror.get("/2023-06-01/simple/demo/")
    head = b"GET /2023-06-01/simple/demo/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    end = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert talk(mirror, head + end).count(b"HTTP/1.1 200 OK") == 2


class Line:
    """A connection that sends bytes as they are, and reads one whole answer after another; a context manager."""

    def __init__(self, mirror: MirrorServer) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(mirror.url.rpartition(":")[2])), timeout=30)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._socket.sendall(piece)
            time.sleep(0.05)  # so that most pieces arrive alone; what comes back is the same if they do not

    def answer(self) -> tuple[bytes, dict[bytes, bytes], bytes]:
        """Status line, headers and body of the next answer; empty at the end of the connection."""
        line, headers = self._file.readline(), {}
        while line and (stated := self._file.readline().strip()):
            name, _, value = stated.partition(b": ")
            headers[name] = value
        return line.strip(), headers, self._file.read(int(headers.get(b"content-length", 0)))

    def ask(self, *pieces: bytes) -> bytes:
        self.send(*pieces)
        line, _, body = self.answer()
        assert line == b"HTTP/1.1 200 OK"
        return body

    def has_nothing_more(self) -> bool:
        """Whether the answer to a request of another kind comes next."""
        return self.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b"ok\n"


def test_a_request_that_comes_again_is_answered_in_the_same_way_and_no_body_is_taken_for_one(
    mirror: MirrorServer,
) -> None:
    page = b"GET /2023-06-01/simple/demo/ HTTP/1.1\r\nHost: x\r\nUser-Agent: same\r\n\r\n"
    with Line(mirror) as line:
        body = line.ask(page)
        for pieces in ((page,), (page,), (page[:20], page[20:]), (page,)):
            assert line.ask(*pieces) == body
            assert line.has_nothing_more()
        for two in ((page + page,), (page + page[:20], page[20:])):
            line.send(*two)
            assert [line.answer()[2] for _ in range(2)] == [body, body]
            assert line.has_nothing_more()
        with_body = page.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(page))
        for one in ((with_body, page), (with_body + page,), (with_body + page,), (with_body, page[:9], page[9:])):
            assert line.ask(*one) == body
            assert line.has_nothing_more()
        line.send(page)
        known = page.replace(b"\r\n\r\n", b"\r\nIf-None-Match: %s\r\n\r\n" % line.answer()[1][b"etag"])
        for _ in range(3):
            line.send(known)
            assert line.answer()[0] == b"HTTP/1.1 304 Not Modified"
        assert line.has_nothing_more()


def test_a_request_that_comes_again_finds_what_a_page_that_changes_has_become(
    mirror: MirrorServer, upstream: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachi2ish.mirror.server.page_doors._SHORT", 0.5)
    monkeypatch.setattr("cachi2ish.mirror.page_desk.REFRESHED_AFTER", 0)
    page = b"GET /7d/simple/demo/ HTTP/1.1\r\nHost: x\r\n\r\n"
    with Line(mirror) as line:
        for _ in range(3):
            assert b"demo-2.0" in line.ask(page)
        del upstream.add_project("demo").files["demo-2.0-py3-none-any.whl"]
        time.sleep(0.6)
        assert b"demo-2.0" not in line.ask(page)


def test_files_that_are_asked_for_in_a_row_come_in_a_row(mirror: MirrorServer) -> None:
    path = path_of(mirror, "demo", OLD.filename)
    assert mirror.get(path).body == OLD.content
    file = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()
    with Line(mirror) as line:
        line.send(file + file.replace(b"\r\n\r\n", b"\r\nRange: bytes=5-9\r\n\r\n") + file)
        assert [line.answer()[2] for _ in range(3)] == [OLD.content, OLD.content[5:10], OLD.content]
        assert line.has_nothing_more()


def test_an_idle_connection_is_closed_whatever_it_was_used_for(
    upstream: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_KEPT", 3)
    page = b"GET /2023-06-01/simple/demo/ HTTP/1.1\r\nHost: x\r\n\r\n"
    with MirrorServer(tmp_path / "mirror", pypi=upstream.index_url) as mirror, Line(mirror) as line:
        for _ in range(3):
            line.send(page)
            line.answer()
        assert line.answer()[0] == b""


def test_requests_that_are_remembered_take_a_part_of_the_memory_and_the_used_ones_stay() -> None:
    hot, wishes = HotPages(80_000, lambda: 0.0), Wishes(None, packed=False)
    ready = Ready([], b"x" * 1000)
    hot.keep(b"/", wishes, ready)
    before = hot.size
    hot.remember(b"used", b"/", wishes)
    assert hot.size > before + len(b"used")
    for number in range(200):
        hot.remember(b"%d" % number, b"/", wishes)
        assert hot.find_again(b"used") == (ready, b"")
        assert hot.size <= before + 10_000
    assert hot.find_again(b"0") is None
    for number in range(200):
        hot.keep(b"/%d" % number, wishes, ready)
        assert hot.size <= 80_000


def test_a_request_that_is_remembered_lets_nobody_in_without_a_token() -> None:
    hot, wishes = HotPages(80_000, lambda: 0.0), Wishes(None, packed=False)
    hot.keep(b"/", wishes, Ready([], b""))
    hot.remember(b"request", b"/", wishes)

    async def doors(_scope: object, _receive: object, _send: object) -> None: ...

    metrics = Metrics(lambda: 0)
    assert Gate(doors, hot=hot, tokens=None, metrics=metrics).again(b"request") is not None
    assert Gate(doors, hot=hot, tokens=Tokens(["a" * 20]), metrics=metrics).again(b"request") is None


def test_the_log_says_once_a_minute_that_the_history_cannot_be_used(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "the history h cannot be used: the server is away"

    async def doors(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise StorageError(problem)

    async def receive() -> Message:
        raise AssertionError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    gate = Gate(doors, hot=HotPages(1000, lambda: 0.0), tokens=None, metrics=Metrics(lambda: 0))

    async def ask() -> None:
        wire = {EXTENSION: SimpleNamespace(reason="")}
        scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "headers": [], "extensions": wire}
        await gate(scope, receive, send)

    async def ask_often() -> None:
        loop = asyncio.get_running_loop()
        for now in (100.0, 110.0, 159.0, 161.0):
            monkeypatch.setattr(loop, "time", lambda now=now: now)
            await ask()

    with caplog.at_level(logging.WARNING):
        asyncio.run(ask_often())
    assert [one["status"] for one in sent if one["type"] == "http.response.start"] == [503] * 4
    assert [record.message for record in caplog.records] == [
        "the history h cannot be used: the server is away"
    ] * 2
