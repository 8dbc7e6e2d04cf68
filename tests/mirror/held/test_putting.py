"""Files that are put into the shared store: what it refuses, what it has no room for, and what is said of that."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.mirror.held.interface import (
    SharedStoreError,
    SharedStoreFullError,
    parts_of,
)
from tests.mirror.held.conftest import Machine, Scripted, away, full
from tests.support.loopback_server import LoopbackServer, head_of, pass_between
from tests.support.s3_server import shared_s3
from tests.support.shared_files import files_in, new_place


def test_one_file_that_is_refused_keeps_no_other_from_being_put(machine: Machine, store: Scripted) -> None:
    blobs = sorted((machine.add(os.urandom(100)) for _ in range(4)), key=lambda one: one.sha256)
    bad = blobs[0].sha256
    store.failing = lambda sha256: SharedStoreError("it is refused") if sha256 == bad else None
    for blob in blobs:
        machine.sharing.begin(blob.sha256)
    assert machine.sharing.unsent == 4
    machine.sharing.catch_up(machine.find)
    assert machine.unsent.keys() == [bad]
    assert machine.sharing.unsent == 1
    assert {one.sha256 for one in store.all()} == {one.sha256 for one in blobs[1:]}


def test_a_store_that_refuses_everything_is_not_asked_for_each_file(machine: Machine, store: Scripted) -> None:
    blobs = [machine.add(os.urandom(100)) for _ in range(20)]
    store.failing = lambda _sha256: SharedStoreError("it is refused")
    for blob in blobs:
        machine.sharing.begin(blob.sha256)
    machine.sharing.catch_up(machine.find)
    first = set(store.asked)
    assert len(store.asked) == 8
    machine.sharing.catch_up(machine.find)
    assert not first & set(store.asked[8:])  # the others have their turn
    store.failing = lambda _sha256: None
    machine.sharing.catch_up(machine.find)
    assert machine.unsent.keys() == []


def test_a_store_that_is_full_is_read_and_gets_files_once_it_has_room(
    machine: Machine, store: Scripted, tmp_path: Path
) -> None:
    held, *late = [machine.add(os.urandom(100)) for _ in range(10)]
    assert machine.sharing.put(held)
    store.failing_to_put = lambda _sha256: SharedStoreFullError("the bucket is full")
    for blob in late:
        machine.sharing.begin(blob.sha256)
        assert not machine.sharing.put(blob)
    assert machine.is_full()
    assert store.put_there == [held.sha256, late[0].sha256]  # and nobody waits for the others
    other = Machine(tmp_path / "other", store)
    apple = other.add(b"apple")
    assert not other.sharing.put(apple)
    assert other.sharing.is_unsent(apple.sha256)
    assert other.bring(held.sha256) is not None
    assert other.sharing.has(held.sha256, held.size)
    assert not other.is_lost()
    for second in range(100):
        machine.now = float(second)
        machine.sharing.catch_up(machine.find)
        assert not machine.is_lost()
    assert len(store.put_there) == 3 + 4  # after 10, 30, 60 and 90 seconds
    store.failing_to_put = lambda _sha256: None
    machine.now = 1000.0
    machine.sharing.catch_up(machine.find)
    assert not machine.is_full()
    assert machine.unsent.keys() == []
    assert {one.sha256 for one in store.all()} == {one.sha256 for one in (held, *late)}


@pytest.mark.parametrize("failure", [full, away], ids=["no room for them", "a gateway gives them up"])
def test_files_that_are_never_taken_keep_no_other_from_being_put(
    failure: Callable[[str], SharedStoreError], machine: Machine, store: Scripted
) -> None:
    blobs = sorted((machine.add(os.urandom(100)) for _ in range(9)), key=lambda one: one.sha256)
    too_large = {one.sha256 for one in blobs[:3]}
    store.failing_to_put = lambda one: failure(one) if one in too_large else None
    for blob in blobs:
        machine.sharing.begin(blob.sha256)
    for minute in range(3):
        machine.now = 60.0 * minute
        machine.sharing.catch_up(machine.find)
        machine.now += 5.0  # in the pause nothing is tried, and nobody loses a turn
        machine.sharing.catch_up(machine.find)
    assert store.put_there == [one.sha256 for one in blobs[:3]]
    machine.now = 180.0
    machine.sharing.catch_up(machine.find)
    assert set(machine.unsent.keys()) == too_large
    assert {one.sha256 for one in store.all()} == {one.sha256 for one in blobs[3:]}
    store.failing_to_put = lambda _sha256: None
    machine.now = 240.0
    machine.sharing.catch_up(machine.find)
    assert machine.unsent.keys() == []


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [one.getMessage() for one in caplog.records]
    caplog.clear()
    return said


def test_a_store_that_stays_full_is_warned_of_once_and_so_is_its_end(
    machine: Machine, store: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    blob, stays = machine.add(b"apple"), "what is new stays on the disk until it takes files"
    store.failing_to_put = full
    for second in range(0, 7200, 30):
        machine.now = float(second)
        machine.sharing.put(blob)
    assert warnings_of(caplog) == [f"the bucket is full; {stays}"]
    store.failing_to_put = lambda _sha256: SharedStoreFullError("it answers HTTP 500")
    for second in range(7200, 9000, 30):
        machine.now = float(second)
        machine.sharing.put(blob)
    assert warnings_of(caplog) == [f"it answers HTTP 500; {stays}"]
    store.failing = away  # what does not answer takes no files either
    for second in range(9000, 9300, 30):
        machine.now = float(second)
        machine.sharing.put(blob)
    assert warnings_of(caplog) == ["it does not answer; files come from upstreams and the disk until it answers"]
    store.failing = store.failing_to_put = lambda _sha256: None
    machine.now = 9400.0
    assert machine.bring("0" * 64) is None
    assert warnings_of(caplog) == [f"{store.name} answers again"]
    assert machine.sharing.put(blob)
    assert warnings_of(caplog) == [f"{store.name} takes files again"]


def test_one_file_that_a_store_never_takes_is_not_warned_of_each_time(
    machine: Machine, store: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *others = [machine.add(os.urandom(100)) for _ in range(100)]
    store.failing_to_put = lambda sha256: SharedStoreFullError("it is full") if sha256 == bad.sha256 else None
    for number, other in enumerate(others):
        machine.now = 60.0 * number
        machine.sharing.put(bad)
        machine.now += 30.0
        assert machine.sharing.put(other)
    assert len(warnings_of(caplog)) == 4  # twice in an hour and a half: that it began, and that it is over


def test_many_files_that_are_refused_are_warned_of_in_one_sentence(
    machine: Machine, store: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    store.failing_to_put = lambda _sha256: SharedStoreError("the access is denied")
    blobs = sorted((machine.add(os.urandom(100)) for _ in range(20)), key=lambda one: one.sha256)
    for blob in blobs:
        assert not machine.sharing.put(blob)
    for second in range(0, 3000, 30):
        machine.now = float(second)
        machine.sharing.catch_up(machine.find)
    (said,) = warnings_of(caplog)
    assert said == f"{blobs[0].sha256} cannot be put, and maybe others: the access is denied"


class Gateway(LoopbackServer):
    """The way to the S3 server. never: a file that it gives up, with this status, each time it is put."""

    def __init__(self, status: int) -> None:
        super().__init__()
        host, _, port = shared_s3().endpoint.removeprefix("http://").partition(":")
        self._there, self._status = (host, int(port)), status
        self.never = ""

    def serve(self, connection: socket.socket) -> None:
        head = head_of(connection)
        line = head.partition(b"\r\n")[0]
        if line.startswith(b"PUT ") and self.never.encode() in line:
            connection.sendall(
                b"HTTP/1.1 %d Given Up\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % self._status
            )
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):  # else what was not read would take the answer along
                pass
            return
        server = socket.create_connection(self._there)
        with self.cuttable(server):
            server.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            pass_between(connection, server)


@pytest.mark.parametrize("status", [413, 500, 504])
def test_a_file_that_a_gateway_always_gives_up_keeps_no_other_from_being_put(status: int, tmp_path: Path) -> None:
    with Gateway(status) as gateway:
        files = files_in(new_place(), gateway.endpoint)
        machine = Machine(tmp_path, files)
        bad, *others = sorted(machine.add(os.urandom(100)).sha256 for _ in range(4))
        gateway.never = bad
        for sha256 in (bad, *others):
            machine.sharing.begin(sha256)
        for minute in range(2):
            machine.now = 60.0 * minute
            machine.sharing.catch_up(machine.find)
        assert machine.unsent.keys() == [bad]
        assert {one.sha256 for one in files.all()} == set(others)


def test_a_mirror_that_ends_does_not_wait_for_a_large_file_on_its_way(
    machine: Machine, store: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = machine.add(os.urandom(40_000_000))
    machine.sharing.begin(large.sha256)

    def ending(*arguments: Any) -> Iterator[bytes]:
        for part in parts_of(*arguments):
            yield part
            machine.sharing.stop()

    monkeypatch.setattr("cachi2ish.mirror.held.shared.s3_files.parts_of", ending)
    assert not machine.sharing.put(large)
    assert store.size_of(large.sha256) is None
    assert machine.unsent.keys() == [large.sha256]
    machine.sharing.catch_up(machine.find)  # nothing more is begun
    assert machine.unsent.keys() == [large.sha256]
    assert not machine.is_lost()
    monkeypatch.undo()
    machine.begin()
    machine.sharing.catch_up(machine.find)
    assert store.size_of(large.sha256) == large.size
    assert machine.unsent.keys() == []
