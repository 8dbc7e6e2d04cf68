"""Files that come again are answered without the history: in the same way, and only what is still there."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.mirror.accepted import Tokens
from cachi2ish.mirror.application import Rules
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import HistoricFile
from cachi2ish.mirror.server.sending import pushing
from cachi2ish.mirror.server.sending.hot_files import HotFiles
from cachi2ish.mirror.server.sending.pushing import Push
from tests.mirror.server.conftest import OLD
from tests.mirror.server.test_file_doors import downloads, path_of
from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.mirror_server import Got, MirrorServer
from tests.support.shared_files import IN_S3

HUGE = Dist("huge-1.0.tar.gz", os.urandom(9_000_000))


@pytest.fixture
def huge(mirror: MirrorServer, upstream: IndexServer) -> str:
    """The path of a file that no socket takes at once."""
    upstream.add("huge", HUGE, upload_time="2023-05-01T10:00:00+00:00")
    return path_of(mirror, "huge", HUGE.filename)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of files that were looked up in the history."""
    found: list[str] = []
    look_up = SqlHistory.file

    def noted(self: SqlHistory, key: str) -> tuple[HistoricFile, ...]:
        found.append(key)
        return look_up(self, key)

    monkeypatch.setattr(SqlHistory, "file", noted)
    return found


def undated(got: Got) -> Got:
    return Got(
        got.status,
        got.reason,
        {name: value for name, value in got.headers.items() if name != "date"},
        got.body,
        got.whole,
    )


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("GET", {}),
    ("HEAD", {}),
    ("GET", {"Range": "bytes=0-9"}),
    ("GET", {"Range": "bytes=-7"}),
    ("HEAD", {"Range": "bytes=5-"}),
    ("GET", {"Range": "bytes=0-9", "If_Range": '"another"'}),
    ("GET", {"Range": "bytes=99999999-"}),
    ("GET", {"Range": "bytes=0-1,5-6"}),
    ("GET", {"If_None_Match": "*"}),
    ("HEAD", {"If_None_Match": '"another"'}),
    ("GET", {"Connection": "close"}),
]


@pytest.mark.parametrize("size", ["small", "huge"])
def test_what_comes_again_is_answered_as_before(
    mirror: MirrorServer, huge: str, reads: list[str], size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = huge if size == "huge" else path_of(mirror, "demo", OLD.filename)
    mirror.get(path)
    with monkeypatch.context() as forgetful:
        forgetful.setattr(HotFiles, "find", lambda *_, **__: None)
        before = [undated(mirror.get(path, method=method, **headers)) for method, headers in ASKED]
        assert len(reads) > len(before)
    assert {got.status for got in before} == {200, 206, 304, 416}
    for (method, headers), expected in zip(ASKED, before, strict=True):
        reads.clear()
        assert undated(mirror.get(path, method=method, **headers)) == expected
        assert reads == [] or expected.status == 416


def test_the_metadata_of_a_wheel_is_remembered_too(
    mirror: MirrorServer, upstream: IndexServer, reads: list[str]
) -> None:
    wheel = make_wheel("asks", "1.0", requires=("demo>=1",))
    upstream.add("asks", wheel, upload_time="2023-05-01T10:00:00+00:00")
    path = path_of(mirror, "asks", wheel.filename)
    mirror.get(path)
    first = mirror.get(f"{path}.metadata")
    assert b"Requires-Dist: demo>=1" in first.body
    reads.clear()
    assert undated(mirror.get(f"{path}.metadata")) == undated(first)
    assert reads == []


def test_what_is_gone_or_another_by_now_is_fetched_again(mirror: MirrorServer, upstream: IndexServer) -> None:
    path = path_of(mirror, "demo", OLD.filename)
    blob = mirror.directory / "files/blobs/sha256" / OLD.sha256[:2] / OLD.sha256[2:]
    for spoil in (Path.unlink, _exchange):
        before = downloads(upstream, OLD)
        for _ in range(3):
            assert mirror.get(path).body == OLD.content
        spoil(blob)
        assert mirror.get(path).body == OLD.content
        assert downloads(upstream, OLD) > before or IN_S3  # then it comes from there


def _exchange(blob: Path) -> None:
    other = blob.with_name("other")
    other.write_bytes(bytes(len(OLD.content)))
    other.replace(blob)


def test_a_token_is_asked_for_each_time(upstream: IndexServer, tmp_path: Path) -> None:
    rules = Rules(tokens=Tokens(["a-long-token-of-ours"]))
    login = ("user", "a-long-token-of-ours")
    with MirrorServer(tmp_path / "mirror", rules=rules, pypi=upstream.index_url) as mirror:
        (file,) = [
            one
            for one in mirror.json("/live/simple/demo/", login=login)["files"]
            if one["filename"] == OLD.filename
        ]
        path = "/files/" + file["url"].partition("files/")[2]
        for _ in range(3):
            assert mirror.get(path, login=login).body == OLD.content
            assert mirror.get(path).status == 401


@pytest.fixture
def slow(mirror: MirrorServer, huge: str) -> Iterator[socket.socket]:
    """A client that has asked for a file of which it has taken nothing yet."""
    mirror.get(huge)
    with socket.create_connection(("127.0.0.1", int(mirror.url.rpartition(":")[2])), timeout=20) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(f"GET {huge} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 2)
        yield client


def test_a_slow_client_gets_all_of_it_and_then_what_it_asked_for_next(
    slow: socket.socket, mirror: MirrorServer
) -> None:
    assert mirror.get("/healthz").status == 200
    with slow.makefile("rb") as file:
        for _ in range(2):
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            while file.readline().strip():
                pass
            assert file.read(len(HUGE.content)) == HUGE.content


def test_a_client_that_takes_too_little_is_let_go(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "_SLOWEST_SECONDS", 0.2)
    let_go = threading.Event()
    fail = Push.fail

    def noted(self: Push, error: OSError) -> None:
        fail(self, error)
        let_go.set()

    monkeypatch.setattr(Push, "fail", noted)
    slow: socket.socket = request.getfixturevalue("slow")
    count = len(slow.recv(10))
    assert let_go.wait(20)
    while piece := _received(slow):
        count += len(piece)
    assert count < len(HUGE.content)


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(1 << 20)
    except ConnectionError:
        return b""


def test_a_client_that_goes_away_leaves_nothing_open(slow: socket.socket, mirror: MirrorServer, huge: str) -> None:
    slow.recv(10)
    assert open_files(HUGE.sha256[2:]) != []
    slow.close()
    end = time.monotonic() + 20
    while open_files(HUGE.sha256[2:]):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert mirror.get(huge).body == HUGE.content


def open_files(name: str) -> list[str]:
    """The files of this name that the process of the tests, and so the mirror in it, has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [one for one in found if one.endswith(name)]


def test_a_file_system_that_cannot_send_files_is_read(
    mirror: MirrorServer, huge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.get(huge)
    tried: list[int] = []

    def unable(*_: object) -> int:
        tried.append(1)
        raise OSError(errno.EINVAL, "no way from this file into a socket")

    monkeypatch.setattr(os, "sendfile", unable)
    assert mirror.get(huge).body == HUGE.content
    assert tried
