"""Directories for the time of a piece of work; those of processes that were killed are removed by the next."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cachi2ish.files.locks import is_at, try_lock, wait_for_lock

#: What stands behind a prefix, in names from here and from `tempfile.mkdtemp`.
RANDOM = "[a-z0-9_]{8}"

#: Bytes of a name that a name of ours is made of. File systems have room for 255, and ours add some dozen.
_LONGEST = 200


def short_name(name: str) -> str:
    """Return a name to make others of: the same, or where it is too long for that one that stands for it."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= _LONGEST else hashlib.sha256(encoded).hexdigest()


def claim(parent: Path, prefix: str) -> tuple[Path, int]:
    """Make a directory; remove those of the same prefix whose processes are gone. Raises `OSError`.

    Returns its path and an open descriptor of it: while that is locked, nobody takes it for a leftover.
    """
    _sweep(parent, re.compile(re.escape(prefix) + RANDOM))
    while True:
        path = parent / f"{prefix}{os.urandom(4).hex()}"
        try:
            path.mkdir(0o700)
        except FileExistsError:
            continue
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # swept at once
            continue
        wait_for_lock(lock)
        if is_at(lock, path):  # nobody swept it before it was locked
            return path, lock
        os.close(lock)


@contextmanager
def scratch_directory(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Make a directory in ``parent`` (None: the system's place for temporary files), and remove it afterwards.

    What cannot be removed stays, such as what another thread still writes. Raises `OSError`.
    """
    if parent is None:
        import tempfile  # noqa: PLC0415  (most runs have a cache, and make nothing there)

        parent = Path(tempfile.gettempdir())
    path, lock = claim(parent, prefix)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _sweep(parent: Path, pattern: re.Pattern[str]) -> None:
    # In a place that is everybody's (/tmp), what belongs to others is left to them.
    shared = parent.stat().st_mode & stat.S_ISVTX
    with os.scandir(parent) as entries:
        left = [Path(entry.path) for entry in entries if pattern.fullmatch(entry.name)]
    for path in left:
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                own = os.fstat(descriptor).st_uid == os.geteuid()
                if (own or not shared) and try_lock(descriptor):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)
