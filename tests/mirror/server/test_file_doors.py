"""The doors to files: whole or not at all, for many at once, after breaks, and never a whole wrong one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.simple_api.negotiation import JSON
from tests.mirror.server.conftest import OLD, SDIST
from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import HTTP, Got, MirrorServer

LARGE = Dist("large-1.0.tar.gz", os.urandom(3_000_000))


def path_of(mirror: MirrorServer, project: str, filename: str, date: str = "live") -> str:
    """Return the path of a file as the page states it."""
    (file,) = [one for one in mirror.json(f"/{date}/simple/{project}/")["files"] if one["filename"] == filename]
    url: str = file["url"]
    return "/files/" + url.partition("files/")[2]


@pytest.fixture
def large(mirror: MirrorServer, upstream: IndexServer) -> str:
    """The path of a file that does not fit into one portion."""
    upstream.add("large", LARGE, upload_time="2023-05-01T10:00:00+00:00")
    return path_of(mirror, "large", LARGE.filename)


def downloads(upstream: IndexServer, dist: Dist) -> int:
    return sum(path == f"/files/{dist.filename}" for path in upstream.paths)


def together(count: int, ask: Callable[[], Got]) -> list[Got]:
    answers: list[Got] = []
    clients = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(count)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return answers


def test_a_file_is_downloaded_once_and_served_from_then_on(mirror: MirrorServer, upstream: IndexServer) -> None:
    path = path_of(mirror, "demo", OLD.filename)
    first, second = mirror.get(path), mirror.get(path)
    assert first.body == second.body == OLD.content
    assert first.headers["etag"] == f'"{OLD.sha256}"'
    assert "immutable" in first.headers["cache-control"]
    assert mirror.get(path, If_None_Match=f'"{OLD.sha256}"').status == 304
    assert downloads(upstream, OLD) == 1


def test_head_announces_a_file_and_downloads_nothing(
    mirror: MirrorServer, upstream: IndexServer, large: str
) -> None:
    got = mirror.get(large, method="HEAD")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "3000000")
    assert downloads(upstream, LARGE) == 0
    mirror.get(large)
    assert mirror.get(large, method="HEAD").headers["content-length"] == "3000000"


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=2999990-", 2_999_990, 3_000_000),
        ("bytes=1000000-", 1_000_000, 3_000_000),
        ("bytes=-7", 2_999_993, 3_000_000),
        ("bytes=-9000000", 0, 3_000_000),
        ("bytes=5-99999999", 5, 3_000_000),
    ],
)
def test_a_part_is_served(mirror: MirrorServer, large: str, asked: str, start: int, end: int, held: bool) -> None:
    if held:
        mirror.get(large)
    got = mirror.get(large, Range=asked)
    assert got.status == 206
    assert got.headers["content-range"] == f"bytes {start}-{end - 1}/3000000"
    assert got.body == LARGE.content[start:end]


def test_what_is_no_part_is_refused_or_the_whole(mirror: MirrorServer, large: str) -> None:
    got = mirror.get(large, Range="bytes=3000000-")
    assert (got.status, got.headers["content-range"]) == (416, "bytes */3000000")
    for asked in ("bytes=0-1,5-6", "bytes=9-3", "bytes=-", "lines=1-2"):
        assert mirror.get(large, Range=asked).body == LARGE.content
    assert mirror.get(large, Range="bytes=0-1", If_Range='"another"').status == 200
    assert mirror.get(large, Range="bytes=0-1", If_Range=f'"{LARGE.sha256}"').status == 206


def test_one_download_serves_all_who_wait(mirror: MirrorServer, upstream: IndexServer, large: str) -> None:
    answers = together(12, lambda: mirror.get(large))
    assert {got.body == LARGE.content and got.whole for got in answers} == {True}
    assert downloads(upstream, LARGE) == 1


@pytest.mark.parametrize("fault", [Fault.wrong_bytes(), Fault.wrong_bytes(LARGE.content[:-1] + b"x")])
def test_no_client_gets_the_whole_of_a_wrong_file(
    mirror: MirrorServer, upstream: IndexServer, large: str, fault: Fault
) -> None:
    upstream.script(f"/files/{LARGE.filename}", [fault] * 8)
    for got in together(3, lambda: mirror.get(large)):
        assert got.status in {200, 502}
        if got.status == 200:
            assert not got.whole
            assert len(got.body) < len(LARGE.content)
    assert not list((mirror.directory / "files/blobs/sha256").glob("*/*"))


def test_a_small_wrong_file_is_refused_with_the_reason(mirror: MirrorServer, upstream: IndexServer) -> None:
    path = path_of(mirror, "demo", OLD.filename)
    upstream.script(f"/files/{OLD.filename}", [Fault.wrong_bytes()] * 4)
    got = mirror.get(path)
    assert got.status == 502
    assert "is not the file that was promised" in got.reason


def test_a_break_is_mended_on_the_way(upstream: IndexServer, tmp_path: Path) -> None:
    upstream.add("large", LARGE, upload_time="2023-05-01T10:00:00+00:00")
    with MirrorServer(tmp_path / "mirror", http=replace(HTTP, retries=3), pypi=upstream.index_url) as mirror:
        path = path_of(mirror, "large", LARGE.filename)
        upstream.script(f"/files/{LARGE.filename}", [Fault.reset(1_500_000), Fault.truncated(100_000)])
        got = mirror.get(path)
    assert got.body == LARGE.content
    assert [one.status for one in upstream.requests if one.path.startswith("/files/")][-1] == 206


def test_what_has_arrived_is_taken_up_again_after_a_failure(
    mirror: MirrorServer, upstream: IndexServer, large: str
) -> None:
    upstream.script(f"/files/{LARGE.filename}", [Fault.truncated(1_500_000)])
    got = mirror.get(large)
    assert not got.whole
    assert got.body == LARGE.content[: len(got.body)]
    assert mirror.get(large).body == LARGE.content
    assert [one.status for one in upstream.requests if one.path.startswith("/files/")][-1] == 206


def test_who_goes_away_does_not_end_it_for_the_others(
    mirror: MirrorServer, upstream: IndexServer, large: str
) -> None:
    gone = socket.create_connection(("127.0.0.1", int(mirror.url.rpartition(":")[2])))
    gone.sendall(f"GET {large} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    gone.recv(10)
    others = together(2, lambda: mirror.get(large))
    gone.close()
    assert [got.body == LARGE.content for got in others] == [True, True]
    assert downloads(upstream, LARGE) == 1


def test_who_reads_nothing_does_not_hold_up_the_others(mirror: MirrorServer, large: str) -> None:
    slow = []
    for _ in range(10):
        client = socket.create_connection(("127.0.0.1", int(mirror.url.rpartition(":")[2])))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(f"GET {large} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        slow.append(client)
    assert mirror.get(large).body == LARGE.content
    assert mirror.get("/healthz").status == 200
    for client in slow:
        client.close()


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    mirror: MirrorServer, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if offset > 0 or len(data) > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        got = mirror.get(large)
    assert got.status == 507
    assert "No space left" in got.reason
    assert not list((mirror.directory / "files/partial").iterdir())
    assert mirror.get(large).body == LARGE.content


def test_a_file_that_is_larger_than_the_room_on_the_disk_is_refused_before_its_first_byte(
    mirror: MirrorServer, large: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    measure = os.statvfs

    def nearly_full(path: Path) -> os.statvfs_result:
        found = list(measure(path))
        found[4] = 1  # blocks that are free for everybody
        return os.statvfs_result(found)

    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", nearly_full)
        got = mirror.get(large)
    assert got.status == 507
    assert "has room for" in got.reason
    assert "cannot be kept" in caplog.text
    assert mirror.get(large).body == LARGE.content


def test_a_file_that_vanishes_is_fetched_at_once_and_served_for_ever(
    mirror: MirrorServer, upstream: IndexServer
) -> None:
    path = path_of(mirror, "demo", OLD.filename)
    before = mirror.get("/2023-06-01/simple/demo/", Accept=JSON)
    del upstream.add_project("demo").files[OLD.filename]
    mirror.json("/live/simple/demo/")
    for _ in range(200):
        if 'cachi2ish_mirror_rescues_total{outcome="held"} 1.0' in mirror.get("/metrics").body.decode():
            break
        threading.Event().wait(0.05)
    upstream.script(f"/files/{OLD.filename}", [Fault.status(404)] * 3)

    assert OLD.filename not in {one["filename"] for one in mirror.json("/live/simple/demo/")["files"]}
    assert mirror.get("/2023-06-01/simple/demo/", Accept=JSON).body == before.body
    assert mirror.get(path).body == OLD.content


def test_a_file_that_nobody_has_any_more_is_refused(mirror: MirrorServer, upstream: IndexServer) -> None:
    path = path_of(mirror, "demo", SDIST.filename)
    upstream.script(f"/files/{SDIST.filename}", [Fault.status(404)] * 3)
    got = mirror.get(path)
    assert got.status == 502
    assert "404" in got.reason


def test_the_metadata_of_a_wheel_that_is_held_is_served_and_stated(
    mirror: MirrorServer, upstream: IndexServer
) -> None:
    wheel = make_wheel("asks", "1.0", requires=("demo>=1",))
    upstream.add("asks", wheel, upload_time="2023-05-01T10:00:00+00:00")
    path = path_of(mirror, "asks", wheel.filename)
    assert mirror.get(f"{path}.metadata").status == 404
    closed = mirror.get("/2023-06-01/simple/asks/", Accept=JSON)
    mirror.get(path)

    metadata = mirror.get(f"{path}.metadata")
    assert b"Requires-Dist: demo>=1" in metadata.body
    (file,) = mirror.json("/live/simple/asks/")["files"]
    assert file["core-metadata"] == {"sha256": hashlib.sha256(metadata.body).hexdigest()}
    assert mirror.get("/2023-06-01/simple/asks/", Accept=JSON).body == closed.body
    with MirrorServer(mirror.directory, pypi=upstream.index_url) as other:
        assert other.json("/live/simple/asks/")["files"][0]["core-metadata"] == file["core-metadata"]


def test_metadata_that_one_mirror_has_stated_are_had_from_another_when_the_wheel_is_gone(
    mirror: MirrorServer, upstream: IndexServer
) -> None:
    path = path_of(mirror, "demo", OLD.filename)
    with MirrorServer(mirror.directory, pypi=upstream.index_url) as other:
        assert mirror.get(path).body == OLD.content
        metadata = mirror.get(f"{path}.metadata").body
        for blob in (mirror.directory / "files/blobs/sha256").glob("*/*"):
            blob.unlink()
        assert other.get(f"{path}.metadata").body == metadata
    assert b"Name: demo" in metadata


@pytest.mark.parametrize("states_sha256", [True, False])
def test_the_metadata_that_the_upstream_has_comes_from_there(
    mirror: MirrorServer, upstream: IndexServer, *, states_sha256: bool
) -> None:
    wheel = make_wheel("asks", "1.0")
    content = b"Metadata-Version: 2.1\nName: asks\nVersion: 1.0\n"
    url = upstream.add("asks", wheel, upload_time="2023-05-01T10:00:00+00:00")
    page = {
        "meta": {"api-version": "1.1"},
        "name": "asks",
        "versions": ["1.0"],
        "files": [
            {
                "filename": wheel.filename,
                "url": url,
                "hashes": {"sha256": wheel.sha256} if states_sha256 else {},
                "size": len(wheel.content),
                "upload-time": "2023-05-01T10:00:00Z",
                "core-metadata": {"sha256": hashlib.sha256(content).hexdigest()},
            }
        ],
    }
    upstream.serve_page("/simple/asks/", json.dumps(page).encode(), JSON)
    upstream.serve_file(Dist(f"{wheel.filename}.metadata", content))
    path = path_of(mirror, "asks", wheel.filename)
    assert mirror.get(f"{path}.metadata").body == mirror.get(f"{path}.metadata").body == content
    assert upstream.paths.count(f"/files/{wheel.filename}.metadata") == 1
    assert downloads(upstream, wheel) == 0


def test_a_file_without_a_sha256_is_served_too(mirror: MirrorServer, upstream: IndexServer) -> None:
    bare = Dist("bare-1.0.tar.gz", b"no digest" * 20_000)
    upstream.add("bare", bare, upload_time="2023-05-01T10:00:00+00:00", digests=())
    path = path_of(mirror, "bare", bare.filename)
    assert re.match("/files/u[0-9a-f]{63}/", path)
    assert mirror.get(path).body == mirror.get(path).body == bare.content
    assert downloads(upstream, bare) == 1


def test_a_file_that_was_damaged_on_the_disk_is_fetched_again(upstream: IndexServer, tmp_path: Path) -> None:
    with MirrorServer(tmp_path / "m", pypi=upstream.index_url) as mirror:
        path = path_of(mirror, "demo", OLD.filename)
        mirror.get(path)
    blob = tmp_path / "m/files/blobs/sha256" / OLD.sha256[:2] / OLD.sha256[2:]
    blob.chmod(0o644)
    blob.write_bytes(b"damaged")
    with MirrorServer(tmp_path / "m", pypi=upstream.index_url) as mirror:
        assert mirror.get(path).body == OLD.content
        blob.unlink()
        assert mirror.get(path).body == OLD.content


def test_two_mirrors_share_one_store(mirror: MirrorServer, upstream: IndexServer, large: str) -> None:
    with MirrorServer(mirror.directory, pypi=upstream.index_url) as other:
        answers = together(4, lambda: mirror.get(large)) + together(4, lambda: other.get(large))
    assert {got.body == LARGE.content for got in answers} == {True}
    assert downloads(upstream, LARGE) <= 2
