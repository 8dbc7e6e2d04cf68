"""A place where nothing can be made: the hint fits what the system has answered."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from cachi2ish.advice import Place
from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cli.display.hints import hint_of
from cachi2ish.errors import StorageError
from cachi2ish.files.os_errors import storage_error
from cachi2ish.output.directories import OutputDirectories

NOWHERE = Path("/proc/nowhere/below")


def told(error: StorageError) -> str:
    return f"{error.problem} -> {hint_of(error)}"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no such file system here")
def test_a_file_system_that_takes_no_directories_is_no_race_with_another_program() -> None:
    with pytest.raises(StorageError) as cache:
        DiskBlobs(NOWHERE)
    with pytest.raises(StorageError) as output, OutputDirectories().stage(NOWHERE):
        pass
    for caught, option in ((cache, "--cache-dir"), (output, "--output")):
        assert "No such file or directory -> " in told(caught.value)
        assert hint_of(caught.value) == f"no directory can be made there: choose another place with {option}"


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_something_else_in_the_way_is_told(tmp_path: Path, kind: str) -> None:
    obstacle = tmp_path / "cache"
    if kind == "file":
        obstacle.touch()
    else:
        obstacle.symlink_to("nowhere")
    with pytest.raises(StorageError) as caught:
        DiskBlobs(obstacle / "below" if kind == "file" else obstacle)
    assert "a part of the path is a file, or a link that leads nowhere" in told(caught.value)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, "choose a directory that you may write to with --output"),
        (errno.EPERM, "choose a directory that you may write to with --output"),
        (errno.EROFS, "the file system is mounted read-only: choose another place with --output"),
        (
            errno.ENOTDIR,
            "a part of the path is a file, or a link that leads nowhere: choose another place with --output",
        ),
        (errno.ENOSPC, "free some space, or choose a place on another disk with --output"),
        (errno.ENAMETOOLONG, "the path is too long: choose another place with --output"),
        (errno.ELOOP, "links in the path lead round in a circle: choose another place with --output"),
        (errno.ENOENT, "another program removed files meanwhile: run again"),
        (errno.EIO, "choose another place with --output"),
    ],
)
def test_each_answer_of_the_system_has_the_hint_that_fits(number: int, hint: str) -> None:
    assert hint_of(storage_error("problem", OSError(number, "reason"), Place.OUTPUT)) == hint
