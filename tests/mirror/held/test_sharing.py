"""The shared store as one machine uses it: while it hangs, refuses, or has something damaged."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.errors import Cachi2ishError, DigestMismatchError, NetworkError, StorageError
from cachi2ish.http.verification import key_of
from cachi2ish.mirror.held.interface import (
    Reading,
    SharedFiles,
    SharedStoreAwayError,
    SharedStoreError,
    SharedStoreFullError,
    StoredFile,
    parts_of,
)
from cachi2ish.mirror.held.relay import Abandoned
from cachi2ish.mirror.held.shared.sharing import StoreSharing
from cachi2ish.mirror.held.shared.unsent_notes import UnsentNotes
from tests.support.loopback_server import LoopbackServer, head_of, pass_between
from tests.support.s3_server import shared_s3
from tests.support.shared_files import files_in, new_place


class Scripted:
    """A real store of files that fails where it is told to. asked, put_there: what was asked of it, and put."""

    def __init__(self, files: SharedFiles) -> None:
        self.name = files.name
        self.asked: list[str] = []
        self.put_there: list[str] = []
        self.failing: Callable[[str], SharedStoreError | None] = lambda _sha256: None
        self.failing_to_put: Callable[[str], SharedStoreError | None] = lambda _sha256: None
        self._files = files

    def check(self) -> None:
        self._files.check()

    def size_of(self, sha256: str) -> int | None:
        self._expect(sha256)
        return self._files.size_of(sha256)

    def read(self, sha256: str, start: int = 0) -> Reading | None:
        self._expect(sha256)
        return self._files.read(sha256, start)

    def put(
        self, sha256: str, path: Path, size: int, *, replace: bool = False, go_on: Callable[[], None] | None = None
    ) -> bool:
        self._expect(sha256)
        self.put_there.append(sha256)
        error = self.failing_to_put(sha256)
        if error is not None:
            raise error
        return self._files.put(sha256, path, size, replace=replace, go_on=go_on)

    def remove(self, sha256: str) -> None:
        self._files.remove(sha256)

    def all(self) -> Iterator[StoredFile]:
        return self._files.all()

    def _expect(self, sha256: str) -> None:
        self.asked.append(sha256)
        error = self.failing(sha256)
        if error is not None:
            raise error


class Machine:
    """A machine with a disk and a shared store. now: seconds."""

    def __init__(self, directory: Path, files: SharedFiles) -> None:
        self.now = 0.0
        self.blobs = DiskBlobs(directory / "files")
        self.notes = directory / "unsent"
        self._files = files
        self.begin()

    def begin(self) -> None:
        """Let the process begin anew."""
        self.unsent = UnsentNotes(self.notes)
        self.sharing = StoreSharing(self._files, self.unsent, unfinished=key_of, clock=lambda: self.now)

    def add(self, content: bytes) -> Blob:
        with self.blobs.writer(f"of {content[:9]!r}", ()) as writer:
            writer.write(content)
            return writer.commit()

    def find(self, key: str) -> Blob | None:
        return self.blobs.find([Digest("sha256", key)])

    def is_lost(self) -> bool:
        return self.sharing.is_lost

    def is_full(self) -> bool:
        return self.sharing.is_full

    def bring(self, sha256: str) -> Blob | None:
        return self.sharing.bring(sha256, None, self.blobs, lambda _size: None)


@pytest.fixture
def store() -> Scripted:
    return Scripted(files_in(new_place()))


@pytest.fixture
def machine(store: Scripted, tmp_path: Path) -> Machine:
    return Machine(tmp_path, store)


def away(_sha256: str) -> SharedStoreError:
    return SharedStoreAwayError("it does not answer", hint="wait")


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


def test_a_store_that_is_away_is_asked_by_one_after_pauses_that_grow(machine: Machine, store: Scripted) -> None:
    blob = machine.add(b"apple")
    store.failing = away
    assert not machine.sharing.put(blob)
    assert machine.is_lost()
    asked_at = []
    for second in range(170):
        machine.now = float(second)
        before = len(store.asked)
        assert not machine.sharing.put(blob)
        asked_at += [second] * (len(store.asked) - before)
    assert asked_at == [10, 30, 60, 90, 120, 150]
    hanging, may_go_on = threading.Event(), threading.Event()

    def hang(sha256: str) -> SharedStoreError:
        hanging.set()
        assert may_go_on.wait(30)
        return away(sha256)

    store.failing, machine.now = hang, 400.0
    trying = threading.Thread(target=machine.sharing.put, args=(blob,), daemon=True)
    trying.start()
    assert hanging.wait(30)
    asked = len(store.asked)
    assert not machine.sharing.put(blob)  # at once, while the other one waits
    assert not machine.sharing.has(blob.sha256, blob.size)
    assert machine.bring("0" * 64) is None
    assert len(store.asked) == asked
    may_go_on.set()
    trying.join(30)
    store.failing, machine.now = lambda _sha256: None, 1000.0
    machine.sharing.catch_up(machine.find)
    assert not machine.is_lost()
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


def full(_sha256: str) -> SharedStoreError:
    return SharedStoreFullError("the bucket is full")


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


def test_a_store_that_answers_again_is_found_out_though_nothing_is_to_be_put(
    machine: Machine, store: Scripted
) -> None:
    store.failing = away
    assert machine.bring("0" * 64) is None
    store.failing = lambda _sha256: None
    machine.sharing.catch_up(machine.find)
    assert machine.is_lost()
    machine.now = 11.0
    machine.sharing.catch_up(machine.find)
    assert not machine.is_lost()


def test_what_is_damaged_there_is_not_safe_and_is_replaced_also_by_the_next_process(
    machine: Machine, store: Scripted, tmp_path: Path
) -> None:
    blob = machine.add(os.urandom(200_000))
    wrong = tmp_path / "wrong"
    wrong.write_bytes(bytes(blob.size))
    store.put(blob.sha256, wrong, blob.size)
    other = Machine(tmp_path / "other", store)
    assert other.bring(blob.sha256) is None
    assert not other.sharing.has(blob.sha256, blob.size)
    other.begin()
    assert not other.sharing.has(blob.sha256, blob.size)
    with other.blobs.writer("again", ()) as writer:
        writer.write(blob.path.read_bytes())
        writer.commit()
    other.sharing.catch_up(other.find)
    assert other.sharing.has(blob.sha256, blob.size)
    reading = store.read(blob.sha256)
    assert reading is not None
    assert b"".join(reading.portions) == blob.path.read_bytes()
    assert other.unsent.keys() == []


@pytest.mark.parametrize("size", [100, 6_000_000], ids=["small", "in parts"])
def test_a_file_that_went_before_it_was_put_does_not_make_the_store_lost(
    machine: Machine, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachi2ish.mirror.held.shared.s3_files._PART", 5 * 1024 * 1024)
    blob = machine.add(os.urandom(size))
    blob.path.unlink()
    assert not machine.sharing.put(blob)
    assert not machine.is_lost()


@pytest.mark.parametrize(
    "error",
    [NetworkError("nobody has it"), DigestMismatchError("another one"), StorageError("the disk is full")],
    ids=lambda one: type(one).__name__,
)
def test_a_download_that_fails_leaves_nothing_to_be_put(error: Cachi2ishError, machine: Machine) -> None:
    def fail() -> NoReturn:
        raise error

    with pytest.raises(type(error)):
        machine.sharing.fetched("0" * 64, fail, lambda _blob: None)
    assert machine.unsent.keys() == []
    assert machine.sharing.unsent == 0


def test_a_download_that_is_cut_off_by_the_end_is_still_to_be_put(machine: Machine) -> None:
    def stop() -> NoReturn:
        raise Abandoned

    with pytest.raises(Abandoned):
        machine.sharing.fetched("0" * 64, stop, lambda _blob: None)
    assert machine.unsent.keys() == ["0" * 64]


def test_what_is_damaged_there_stays_known_when_no_upstream_gives_it(
    machine: Machine, store: Scripted, tmp_path: Path
) -> None:
    blob = Machine(tmp_path / "other", store).add(os.urandom(100))
    wrong = tmp_path / "wrong"
    wrong.write_bytes(bytes(blob.size))
    store.put(blob.sha256, wrong, blob.size)
    assert machine.bring(blob.sha256) is None

    def fail() -> NoReturn:
        raise NetworkError("nobody has it")

    with pytest.raises(NetworkError):
        machine.sharing.fetched(blob.sha256, fail, lambda _blob: None)
    machine.begin()
    assert not machine.sharing.has(blob.sha256, blob.size)


class Hanging(LoopbackServer):
    """A server that takes connections and never answers."""

    def serve(self, connection: socket.socket) -> None:
        while connection.recv(65536):
            pass


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    with Hanging() as server:
        yield server


def test_a_store_that_hangs_is_given_up_before_clients_are_impatient(
    hanging: Hanging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cachi2ish.mirror.held.shared import s3_files  # noqa: PLC0415  (heavy)

    assert s3_files._PATIENCE_TO_READ <= 5
    monkeypatch.setattr(s3_files, "_PATIENCE_TO_READ", 1)
    machine = Machine(tmp_path, files_in(new_place(), hanging.endpoint))
    begun = time.monotonic()
    assert machine.bring("0" * 64) is None
    assert 0.9 < time.monotonic() - begun < 20
    assert machine.is_lost()
    taken = hanging.taken
    assert machine.bring("0" * 64) is None
    assert hanging.taken == taken  # it is not asked again at once


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


def test_machines_that_begin_at_one_time_do_not_disturb_one_another() -> None:
    place = new_place()
    together, failed = threading.Barrier(4), []

    def check() -> None:
        files = files_in(place)
        for _ in range(5):
            together.wait(30)
            try:
                files.check()
            except SharedStoreError as error:
                failed.append(error)

    threads = [threading.Thread(target=check, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert failed == []


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
