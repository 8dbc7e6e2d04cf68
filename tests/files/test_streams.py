"""The names of streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.files.foreign import names_a_stream


@pytest.mark.parametrize(
    "name",
    [
        "/dev/stdin",
        "/dev/stdout",
        "/dev/stderr",
        "/dev/null",
        "/dev/tty",
        "/dev/pts/3",
        "/dev/fd/63",
        "/proc/self/fd/1",
        "/proc/12/fd/pipe:[34]",
        "/proc/12/task/13/fd/1",
    ],
)
def test_these_are_names_of_streams(name: str) -> None:
    assert names_a_stream(Path(name))


@pytest.mark.parametrize(
    "name",
    [
        "-",
        "stdin",
        "dev/stdin",
        "/dev",
        "/dev/fd",
        "/dev/zero",
        "/dev/shm/build.env",
        "/dev/build.env",
        "/proc/stat",
    ],
)
def test_these_are_not(name: str) -> None:
    assert not names_a_stream(Path(name))
