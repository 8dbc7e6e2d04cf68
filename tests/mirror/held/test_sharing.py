"""The shared store as one machine uses it: while it hangs, is away, or has something damaged."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from cachi2ish.errors import Cachi2ishError, DigestMismatchError, NetworkError, StorageError
from cachi2ish.mirror.held.interface import (
    SharedStoreError,
)
from cachi2ish.mirror.held.relay import Abandoned
from tests.mirror.held.conftest import Machine, Scripted, away
from tests.support.loopback_server import LoopbackServer
from tests.support.shared_files import files_in, new_place


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
