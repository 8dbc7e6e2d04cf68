"""The disk of a machine before a shared store: what goes, what stays, and who waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.interface import Pruning
from cachi2ish.mirror.held import local_limit
from cachi2ish.mirror.held.local_limit import LocalLimit

SIZE = 1000
DAY = 86_400.0


class Store:
    """A shared store that has some files. asked: for which, one after the other. unsent: those still to be put."""

    def __init__(self) -> None:
        self.is_lost = False
        self.there: set[str] = set()
        self.unsent: set[str] = set()
        self.takes_files = True
        self.asked: list[str] = []
        self.before_answer: Callable[[], object] = lambda: None

    def has(self, sha256: str, size: int) -> bool:
        self.asked.append(sha256)
        self.before_answer()
        return size == SIZE and sha256 in self.there

    def is_unsent(self, sha256: str) -> bool:
        return sha256 in self.unsent


class Disk:
    """A disk below a limit. now: seconds; passes: how often it was looked through."""

    def __init__(self, directory: Path, most: int) -> None:
        self.store = Store()
        self.put: list[str] = []
        self.now = 0.0
        self.passes = 0
        self.directory = directory
        self._blobs = DiskBlobs(directory)
        self._housekeeping = DiskHousekeeping(directory, directory / "catalogue.sqlite")
        self.threads: list[threading.Thread] = []
        self.limit = LocalLimit(
            most,
            self._pruning,
            self.store,
            self._put,
            start=self._start,
            clock=lambda: self.now,
            now=lambda: datetime.now(UTC),
        )

    def add(self, age: float, *, shared: bool = True) -> str:
        """Add a file that was used so many seconds ago."""
        with self._blobs.writer(f"file {age}", ()) as writer:
            writer.write(os.urandom(SIZE))
            blob = writer.commit()
        _let_be_of(blob.path, age)
        if shared:
            self.store.there.add(blob.sha256)
        return blob.sha256

    def add_unfinished(self, age: float) -> Path:
        """Add what has arrived of a download that was cut off so many seconds ago."""
        before = set(self.directory.glob("partial/*"))
        with self._blobs.writer(f"unfinished {age}", ()) as writer:
            writer.write(os.urandom(SIZE))
        (path,) = {one for one in set(self.directory.glob("partial/*")) - before if one.stat().st_size == SIZE}
        _let_be_of(path, age)
        return path

    def held(self) -> set[str]:
        return {path.parent.name + path.name for path in self.directory.glob("blobs/sha256/*/*")}

    def _pruning(self) -> Pruning:
        self.passes += 1
        return self._housekeeping.pruning(pretend=False)

    def _put(self, sha256: str) -> bool:
        self.put.append(sha256)
        (self.store.there if self.store.takes_files else self.store.unsent).add(sha256)
        return self.store.takes_files

    def _start(self, work: Callable[[], None]) -> None:
        self.threads.append(threading.Thread(target=work, daemon=True))
        self.threads[-1].start()

    def settle(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def _let_be_of(path: Path, age: float) -> None:
    instant = datetime.now(UTC).timestamp() - age
    os.utime(path, (instant, instant))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "files", 10 * SIZE)


def test_while_the_store_is_lost_nothing_is_read_and_the_disk_is_not_looked_through_again(disk: Disk) -> None:
    files = {disk.add(1000 - number) for number in range(12)}
    disk.store.is_lost = True
    for _ in range(5):
        disk.limit.make_room(SIZE)
        disk.settle()
    assert disk.passes == 1
    assert disk.store.asked == disk.put == []
    assert disk.held() == files
    disk.store.is_lost = False
    disk.now += 61.0
    disk.limit.make_room(0)
    disk.settle()
    assert len(disk.held()) < 10


def test_where_the_store_is_lost_on_the_way_nothing_more_is_asked(disk: Disk) -> None:
    files = {disk.add(1000 - number) for number in range(12)}

    def lose() -> None:
        disk.store.is_lost = True
        disk.store.there.clear()

    disk.store.before_answer = lose
    disk.limit.tend()
    assert len(disk.store.asked) == 1
    assert disk.put == []
    assert disk.held() == files


def test_what_was_not_used_for_longest_goes_until_a_tenth_is_free(disk: Disk) -> None:
    files = [disk.add(1000 - number) for number in range(12)]
    disk.limit.tend()
    assert disk.held() == set(files[3:])
    disk.limit.make_room(SIZE)
    assert disk.passes == 1
    come = disk.add(500)
    disk.limit.make_room(SIZE)
    disk.settle()
    assert disk.held() == {*files[5:], come}  # 8.1 files beside the one that is to come


def test_what_the_store_lacks_is_put_there_before_it_goes(disk: Disk) -> None:
    alone = disk.add(2000, shared=False)
    files = [disk.add(1000 - number) for number in range(11)]
    disk.limit.tend()
    assert disk.put == [alone]
    assert disk.held() == set(files[2:])


def test_a_store_that_takes_no_files_is_not_asked_again_for_each_that_it_lacks(disk: Disk) -> None:
    noted, *alone = [disk.add(2000 - number, shared=False) for number in range(11)]
    disk.store.unsent.add(noted)
    disk.store.takes_files = False
    files = [disk.add(1000 - number) for number in range(3)]
    for _ in range(5):
        disk.limit.tend()
        disk.now += 61.0
    assert disk.passes == 5
    assert disk.put == alone
    assert disk.store.asked == [*alone, *files]
    assert disk.held() == {noted, *alone}


def test_a_download_begins_as_soon_as_there_is_room_for_it(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_limit, "_PATIENCE", 30.0)
    files = [disk.add(1000 - number) for number in range(11)]
    two_gone, may_go_on = threading.Event(), threading.Event()

    def halt() -> None:
        if len(disk.store.asked) == 3:
            two_gone.set()
            assert may_go_on.wait(30)

    disk.store.before_answer = halt
    disk.limit.make_room(SIZE)  # returns, though the rest is still to go
    assert two_gone.wait(30)
    assert disk.held() == set(files[2:])
    monkeypatch.setattr(local_limit, "_PATIENCE", 0.01)
    disk.limit.make_room(5 * SIZE)  # and nobody waits for a store that is slow
    may_go_on.set()
    disk.settle()
    assert disk.passes == 1


def test_what_is_left_of_downloads_that_nobody_goes_on_with_goes_first(disk: Disk) -> None:
    files = {disk.add(1000 - number) for number in range(9)}
    old, young = disk.add_unfinished(2 * DAY), disk.add_unfinished(DAY / 2)
    disk.store.is_lost = True
    disk.limit.tend()
    assert not old.exists()
    assert young.exists()
    assert disk.store.asked == []
    assert disk.held() == files


def test_a_file_that_is_in_use_stays(disk: Disk) -> None:
    files = [disk.add(1000 - number) for number in range(11)]
    used = disk.add(-60.0)
    disk.limit.make_room(20 * SIZE)
    disk.settle()
    assert disk.held() == {used}
    assert used not in files
