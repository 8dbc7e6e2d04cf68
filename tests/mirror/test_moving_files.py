"""Copying and verifying files between places that give back other bytes once, or have no room."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cachi2ish.cli.wiring_files import disk_files
from cachi2ish.errors import StorageError
from cachi2ish.mirror.held.interface import Reading, SharedFiles, StoredFile
from cachi2ish.mirror.held.shared.disk_files import DiskFiles
from cachi2ish.mirror.held.shared.moving_files import Moved, copy_files, verify_files

CONTENT = os.urandom(3000)
NAME = hashlib.sha256(CONTENT).hexdigest()


class Remote:
    """A store elsewhere that says over a disk what a bucket would: its files have no path here.

    wrong: how many readings bring other bytes. taken: the paths of what was put there.
    """

    def __init__(self, files: SharedFiles, wrong: int = 0) -> None:
        self._files, self.name, self.wrong = files, "remote", wrong
        self.taken: list[Path] = []

    def check(self) -> None:
        self._files.check()

    def size_of(self, sha256: str) -> int | None:
        return self._files.size_of(sha256)

    def read(self, sha256: str, start: int = 0) -> Reading | None:
        found = self._files.read(sha256, start)
        if found is None or not self.wrong:
            return found
        self.wrong -= 1
        return replace(found, portions=iter([bytes(found.size)]))

    def put(
        self, sha256: str, path: Path, size: int, *, replace: bool = False, go_on: Callable[[], None] | None = None
    ) -> bool:
        self.taken.append(path)
        return self._files.put(sha256, path, size, replace=replace, go_on=go_on)

    def remove(self, sha256: str) -> None:
        self._files.remove(sha256)

    def all(self) -> Iterator[StoredFile]:
        return self._files.all()


@pytest.fixture
def disk(tmp_path: Path) -> DiskFiles:
    """The files of a mirror, of which there is one."""
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    files = disk_files(tmp_path / "mirror")
    assert isinstance(files, DiskFiles)
    files.put(NAME, source, len(CONTENT))
    return files


def done(_: Moved) -> None:
    """Take no notice."""


def test_a_file_that_is_read_wrong_once_is_sound_and_stays(disk: SharedFiles) -> None:
    assert verify_files(Remote(disk, wrong=1), done, repair=True).damaged == []
    assert disk.size_of(NAME) == len(CONTENT)
    assert verify_files(Remote(disk, wrong=2), done, repair=True).damaged == [f"{NAME} in remote"]
    assert disk.size_of(NAME) is None


def test_what_was_put_and_is_read_back_wrong_once_is_whole(disk: SharedFiles, tmp_path: Path) -> None:
    target = Remote(disk_files(tmp_path / "other"), wrong=1)
    assert copy_files([disk], target, tmp_path / "scratch", done).files == 1
    target = Remote(disk_files(tmp_path / "third"), wrong=2)
    with pytest.raises(StorageError, match="gives back other bytes"):
        copy_files([disk], target, tmp_path / "scratch", done)
    assert target.size_of(NAME) is None


def test_a_file_of_a_disk_is_put_from_where_it_is(disk: DiskFiles, tmp_path: Path) -> None:
    target = Remote(disk_files(tmp_path / "other"))
    copy_files([disk], target, tmp_path / "scratch", done)
    assert target.taken == [disk.path_of(NAME)]
    assert not (tmp_path / "scratch").exists()


def test_a_file_from_elsewhere_lies_in_the_directory_of_the_mirror_meanwhile(
    disk: SharedFiles, tmp_path: Path
) -> None:
    target = Remote(disk_files(tmp_path / "other"))
    copy_files([Remote(disk)], target, tmp_path / "scratch", done)
    assert [path.parent for path in target.taken] == [tmp_path / "scratch"]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_no_room_for_a_file_from_elsewhere_says_so(
    disk: SharedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    with pytest.raises(StorageError, match="No space left"):
        copy_files([Remote(disk)], disk_files(tmp_path / "other"), tmp_path / "scratch", done)


def test_what_a_copy_has_left_that_was_killed_is_gone_after_a_day(disk: SharedFiles, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    old, young = scratch / "copy-old", scratch / "copy-young"
    for left in (old, young):
        left.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    copy_files([Remote(disk)], disk_files(tmp_path / "other"), scratch, done)
    assert list(scratch.iterdir()) == [young]
