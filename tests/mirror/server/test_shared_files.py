"""Files that two machines share in S3: what one has fetched the other has, and what S3 lacks is not lost."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.mirror.held.file_store import FileStore
from cachi2ish.mirror.held.interface import SharedFiles
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.settings.buckets import Bucket
from tests.mirror.held.conftest import Scripted
from tests.mirror.server.conftest import OLD, SDIST, YOUNG
from tests.mirror.server.test_file_doors import LARGE, downloads, path_of, together
from tests.support.distributions import Dist
from tests.support.index_server import Fault, IndexServer
from tests.support.loopback_server import LoopbackServer, pass_between
from tests.support.mirror_server import MirrorServer
from tests.support.s3_server import shared_s3
from tests.support.shared_files import files_in, new_place


@pytest.fixture
def place() -> Bucket:
    return new_place()


@pytest.fixture
def files(place: Bucket) -> SharedFiles:
    return files_in(place)


@pytest.fixture
def machines(upstream: IndexServer, files: SharedFiles, tmp_path: Path) -> Iterator[Callable[..., MirrorServer]]:
    """Makes machines that share one history and one place in S3."""
    with ExitStack() as stack:

        def machine(name: str, shared: SharedFiles = files, local_size: int = 10**12) -> MirrorServer:
            mirror = MirrorServer(
                tmp_path / name,
                pypi=upstream.index_url,
                files=shared,
                local_size=local_size,
                history=tmp_path / "history.sqlite",
            )
            return stack.enter_context(mirror)

        yield machine


def test_the_state_names_the_place_in_s3_and_no_secret(
    machines: Callable[..., MirrorServer], place: Bucket
) -> None:
    body = machines("one").get("/state.json").body
    assert json.loads(body)["files_place"] == str(place)
    assert shared_s3().environment["AWS_SECRET_ACCESS_KEY"].encode() not in body


def on_disk(mirror: MirrorServer) -> set[str]:
    folder = mirror.directory / "files/blobs/sha256"
    return {path.parent.name + path.name for path in folder.glob("*/*")}


def content_of(files: SharedFiles, sha256: str) -> bytes:
    reading = files.read(sha256)
    assert reading is not None
    return b"".join(reading.portions)


def in_store(files: SharedFiles) -> set[str]:
    return {one.sha256 for one in files.all()}


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_one_machine_has_fetched_another_has(
    machines: Callable[..., MirrorServer], files: SharedFiles, upstream: IndexServer
) -> None:
    first, second = machines("first"), machines("second")
    paths = [path_of(first, "demo", one.filename) for one in (OLD, SDIST)]
    assert [first.get(path).body for path in paths] == [OLD.content, SDIST.content]
    eventually(lambda: {OLD.sha256, SDIST.sha256} <= in_store(files))
    assert [second.get(path).body for path in paths] == [OLD.content, SDIST.content]
    assert [downloads(upstream, one) for one in (OLD, SDIST)] == [1, 1]
    eventually(lambda: list((first.directory / "unsent").iterdir()) == [])
    metrics = second.get("/metrics").body.decode()
    assert 'cachi2ish_mirror_shared_store_total{outcome="brought",use="get"} 2.0' in metrics
    assert 'cachi2ish_mirror_downloads_total{outcome="shared"} 2.0' in metrics
    assert "cachi2ish_mirror_unsent_files 0.0" in metrics
    assert second.get("/healthz").body == b"ok\n"


def test_a_large_file_is_put_in_parts_and_streamed_to_all_who_wait(
    machines: Callable[..., MirrorServer],
    files: SharedFiles,
    upstream: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cachi2ish.mirror.held.shared.s3_files._PART", 5 * 1024 * 1024)  # the least that S3 takes
    larger = Dist("larger-1.0.tar.gz", os.urandom(11_000_000))
    first, second = machines("first"), machines("second")
    upstream.add("larger", larger, upload_time="2023-05-01T10:00:00+00:00")
    path = path_of(first, "larger", larger.filename)
    assert first.get(path).body == larger.content
    eventually(lambda: files.size_of(larger.sha256) == len(larger.content))
    assert {got.body == larger.content for got in together(4, lambda: second.get(path))} == {True}
    assert second.get(path, Range="bytes=10-19").body == larger.content[10:20]
    assert downloads(upstream, larger) == 1


def test_metadata_that_one_machine_has_read_another_serves_without_the_wheel(
    machines: Callable[..., MirrorServer], files: SharedFiles, upstream: IndexServer
) -> None:
    first, second = machines("first"), machines("second")
    path = path_of(first, "demo", OLD.filename)
    first.get(path)
    expected = first.get(f"{path}.metadata").body
    eventually(lambda: len(in_store(files)) == 2)
    assert expected.startswith(b"Metadata-Version")
    (file,) = [one for one in second.json("/live/simple/demo/")["files"] if one["filename"] == OLD.filename]
    assert file["core-metadata"]["sha256"]
    assert second.get(f"{path}.metadata").body == expected
    assert OLD.sha256 not in on_disk(second)
    assert downloads(upstream, OLD) == 1


def test_a_file_without_a_sha256_is_the_same_from_all_machines(
    machines: Callable[..., MirrorServer], files: SharedFiles, upstream: IndexServer
) -> None:
    upstream.add("bare", LARGE, digests=(), upload_time="2023-05-01T10:00:00+00:00")
    first, second = machines("first"), machines("second")
    path = path_of(first, "bare", LARGE.filename)
    assert path.startswith("/files/u")
    assert first.get(path).body == LARGE.content
    eventually(lambda: LARGE.sha256 in in_store(files))
    assert second.get(path).body == LARGE.content
    assert downloads(upstream, LARGE) == 1


def test_a_damaged_object_is_never_served_and_is_replaced(
    machines: Callable[..., MirrorServer], files: SharedFiles, upstream: IndexServer, tmp_path: Path
) -> None:
    first, second, third = machines("first"), machines("second"), machines("third")
    path = path_of(first, "demo", OLD.filename)
    wrong = tmp_path / "wrong"
    wrong.write_bytes(bytes(len(OLD.content)))
    files.put(OLD.sha256, wrong, len(OLD.content))
    assert first.get(path).body == OLD.content
    eventually(lambda: content_of(files, OLD.sha256) == OLD.content)
    assert second.get(path).body == third.get(path).body == OLD.content
    assert downloads(upstream, OLD) == 1


def test_a_large_object_that_is_damaged_is_never_served_as_a_whole(
    machines: Callable[..., MirrorServer], files: SharedFiles, upstream: IndexServer, tmp_path: Path
) -> None:
    upstream.add("large", LARGE, upload_time="2023-05-01T10:00:00+00:00")
    mirror = machines("first")
    path = path_of(mirror, "large", LARGE.filename)
    wrong = tmp_path / "wrong"
    wrong.write_bytes(LARGE.content[:-1] + bytes([LARGE.content[-1] ^ 1]))
    files.put(LARGE.sha256, wrong, len(LARGE.content))
    got = mirror.get(path)
    assert got.body == LARGE.content or not got.whole
    assert mirror.get(path).body == LARGE.content
    eventually(lambda: content_of(files, LARGE.sha256) == LARGE.content)
    assert downloads(upstream, LARGE) == 1


def test_what_is_in_the_store_is_read_while_another_machine_has_the_claim(
    machines: Callable[..., MirrorServer],
    files: SharedFiles,
    upstream: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = machines("first"), machines("second")
    path = path_of(first, "demo", SDIST.filename)
    assert first.get(path).body == SDIST.content
    eventually(lambda: SDIST.sha256 in in_store(files))
    monkeypatch.setattr(SqlHistory, "try_claim_file", lambda _self, _key: False)
    assert second.get(path).body == SDIST.content
    assert downloads(upstream, SDIST) == 1


def test_who_waits_for_a_wheel_does_not_wait_until_the_store_has_it(
    machines: Callable[..., MirrorServer], files: SharedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = machines("first")
    path = path_of(mirror, "demo", OLD.filename)
    may_go_on, put = threading.Event(), type(files).put

    def halting(*arguments: Any, **options: Any) -> bool:
        assert may_go_on.wait(60)
        return put(*arguments, **options)

    monkeypatch.setattr(type(files), "put", halting)
    try:
        assert mirror.get(path).body == OLD.content
        assert mirror.get(f"{path}.metadata").body.startswith(b"Metadata-Version")
        assert in_store(files) == set()
    finally:
        may_go_on.set()
    eventually(lambda: len(in_store(files)) == 2)
    eventually(lambda: list((mirror.directory / "unsent").iterdir()) == [])


class Line(LoopbackServer):
    """The way to the S3 server: it can be cut in the middle of an answer, and as a whole."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self._there = host, int(port)
        self.most: int | None = None
        self.open = True

    def cut(self) -> None:
        """Let nothing through any more."""
        self.open = False
        self.cut_all()

    def serve(self, connection: socket.socket) -> None:
        if not self.open:
            return
        server = socket.create_connection(self._there)
        with self.cuttable(server):
            passed = 0

            def may_pass(piece: bytes) -> bool:
                nonlocal passed
                passed += len(piece)
                if self.most is not None and passed > self.most:
                    self.open = False  # else the library goes on where it was
                return self.open

            pass_between(connection, server, may_pass)


@pytest.fixture
def line() -> Iterator[Line]:
    with Line(shared_s3().endpoint) as one:
        yield one


def test_where_the_store_breaks_off_the_upstream_goes_on(
    machines: Callable[..., MirrorServer], place: Bucket, line: Line, upstream: IndexServer
) -> None:
    upstream.add("large", LARGE, upload_time="2023-05-01T10:00:00+00:00")
    mirror, other = machines("first"), machines("second", files_in(place, line.endpoint))
    path = path_of(mirror, "large", LARGE.filename)
    mirror.get(path)
    eventually(lambda: LARGE.sha256 in in_store(files_in(place)))
    line.most = 1_500_000
    assert other.get(path).body == LARGE.content
    first, *rest = [one.headers.get("range") for one in upstream.requests if one.path.endswith(LARGE.filename)]
    assert first is None
    assert [re.fullmatch("bytes=[1-9][0-9]+-", one or "") is not None for one in rest] == [True]


class SlowToPut(Scripted):
    """A real store that takes a file when it may."""

    def __init__(self, files: SharedFiles) -> None:
        super().__init__(files)
        self.may_put, self.is_putting = threading.Event(), threading.Event()

    def put(self, *arguments: Any, **named: Any) -> bool:
        self.is_putting.set()
        assert self.may_put.wait(60)
        return super().put(*arguments, **named)


def test_a_file_that_goes_while_the_store_is_given_it_is_fetched_again(
    machines: Callable[..., MirrorServer],
    files: SharedFiles,
    upstream: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_waiting, over = threading.Event(), FileStore.over

    async def waiting(store: FileStore, key: str) -> None:
        is_waiting.set()
        await over(store, key)

    monkeypatch.setattr(FileStore, "over", waiting)
    slow = SlowToPut(files)
    mirror = machines("first", slow)
    path = path_of(mirror, "demo", SDIST.filename)
    assert mirror.get(path).body == SDIST.content
    assert slow.is_putting.wait(60)
    (mirror.directory / "files/blobs/sha256" / SDIST.sha256[:2] / SDIST.sha256[2:]).unlink()
    with ThreadPoolExecutor(1) as threads:
        again = threads.submit(mirror.get, path)
        assert is_waiting.wait(60)  # for the download that has brought the file, and still puts it
        slow.may_put.set()
        assert again.result(60).body == SDIST.content
    eventually(lambda: SDIST.sha256 in in_store(files))
    assert downloads(upstream, SDIST) <= 2


def test_without_the_store_clients_are_served_and_files_are_put_later(
    machines: Callable[..., MirrorServer], place: Bucket, files: SharedFiles, line: Line, upstream: IndexServer
) -> None:
    mirror = machines("first", files_in(place, line.endpoint))
    path = path_of(mirror, "demo", OLD.filename)
    line.cut()
    assert mirror.get(path).body == OLD.content
    assert OLD.sha256 in {one.name for one in (mirror.directory / "unsent").iterdir()}
    assert b"does not answer" in mirror.get("/healthz").body
    assert "cachi2ish_mirror_shared_store_lost 1.0" in mirror.get("/metrics").body.decode()
    assert mirror.get("/healthz").status == 200
    mirror.__exit__()
    line.open = True
    mirror.__enter__()
    eventually(lambda: OLD.sha256 in in_store(files))
    eventually(lambda: list((mirror.directory / "unsent").iterdir()) == [])
    assert downloads(upstream, OLD) == 1


def test_the_disk_stays_below_its_limit_and_what_went_comes_back_from_the_store(
    machines: Callable[..., MirrorServer], files: SharedFiles, upstream: IndexServer
) -> None:
    upstream.add("large", LARGE, upload_time="2023-05-01T10:00:00+00:00")
    mirror = machines("first", files, 3_500_000)
    small = path_of(mirror, "demo", OLD.filename)
    large = path_of(mirror, "large", LARGE.filename)
    other = Dist("other-1.0.tar.gz", os.urandom(2_000_000))
    upstream.add("other", other, upload_time="2023-05-01T10:00:00+00:00")
    assert mirror.get(large).body == LARGE.content
    assert mirror.get(small).body == OLD.content
    assert mirror.get(path_of(mirror, "other", other.filename)).body == other.content
    eventually(lambda: LARGE.sha256 not in on_disk(mirror))
    assert mirror.get(large).body == LARGE.content
    assert [downloads(upstream, one) for one in (LARGE, other, OLD)] == [1, 1, 1]


def test_what_the_store_does_not_have_stays_on_the_disk(
    machines: Callable[..., MirrorServer], place: Bucket, files: SharedFiles, line: Line
) -> None:
    mirror = machines("first", files_in(place, line.endpoint), 1000)
    path = path_of(mirror, "demo", OLD.filename)
    line.cut()
    assert mirror.get(path).body == OLD.content
    assert mirror.get(path_of(mirror, "demo", YOUNG.filename)).body == YOUNG.content
    assert {OLD.sha256, YOUNG.sha256} <= on_disk(mirror)
    assert in_store(files) == set()


def test_a_vanished_file_is_held_for_all_machines(
    machines: Callable[..., MirrorServer], files: SharedFiles, upstream: IndexServer
) -> None:
    first, second = machines("first"), machines("second")
    path = path_of(first, "demo", OLD.filename)
    second.json("/live/simple/demo/")
    upstream.add_project("demo").files.pop(OLD.filename)
    first.json("/live/simple/demo/")
    eventually(lambda: OLD.sha256 in in_store(files))
    upstream.script(f"/files/{OLD.filename}", [Fault.status(404)] * 9)
    assert second.get(path).body == OLD.content
