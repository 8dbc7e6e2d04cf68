"""One time for all files of an output, so that an archive of it is the same whenever and wherever it is made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

#: 1980-01-01T00:00:00Z in seconds since the epoch: the earliest that a ZIP archive can hold.
MODIFIED = 315_532_800


def stamp(path: Path) -> None:
    """Set the time of modification and access. Raises `OSError`, for one where only its owner may do that."""
    os.utime(path, (MODIFIED, MODIFIED), follow_symlinks=False)


def stamp_tree(directory: Path) -> None:
    """Set the times of everything in ``directory``, and last its own. Raises `OSError`."""
    for path in _below(directory):
        stamp(path)
    stamp(directory)


def _below(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory, topdown=False):
        for name in (*folders, *files):
            yield Path(folder, name)
