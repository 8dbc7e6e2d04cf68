"""Files on their way: found again after an interruption, and never shared by two writers."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cachi2ish.store.locks import is_at, try_lock, wait_for_lock

#: Of the file of a second writer, which nobody can take up again.
#: Of the file of a second writer, which nobody can take up again.
PRIVATE_SUFFIX = ".tmp"


@dataclass(frozen=True, slots=True)
class Partial:
    """An open file that belongs to one writer. private: nobody can take it up again."""

    path: Path
    descriptor: int
    private: bool

    def close(self, *, keep: bool) -> None:
        """Let go of it; ``keep`` its bytes for a later attempt, unless it is private or empty."""
        try:
            if self.private or not keep or not os.fstat(self.descriptor).st_size:
                # Still locked: it cannot be another writer's by now.
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
        finally:
            os.close(self.descriptor)

    def release(self) -> None:
        """Let go of it after it was renamed."""
        os.close(self.descriptor)


def open_partial(path: Path) -> Partial:
    """Open ``path`` to go on with it, or a private file beside it where somebody else is at it.

    Raises `OSError`.
    """
    descriptor = _open_locked(path)
    if descriptor is not None:
        return Partial(path, descriptor, private=False)
    while True:
        private = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PRIVATE_SUFFIX}")
        descriptor = os.open(private, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        wait_for_lock(descriptor)
        if is_at(descriptor, private):  # `sweep` has not come between
            return Partial(private, descriptor, private=True)
        os.close(descriptor)


def remove_partial(path: Path) -> bool:
    """Remove what is kept at ``path``; return False where somebody is writing it. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        if not try_lock(descriptor):
            return False
        if is_at(descriptor, path):
            path.unlink()
        return True
    finally:
        os.close(descriptor)


def sweep(directory: Path) -> None:
    """Remove the private files of processes that are gone."""
    for path in directory.glob(f"*{PRIVATE_SUFFIX}"):
        with suppress(OSError):
            remove_partial(path)


def _open_locked(path: Path) -> int | None:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:  # another user's, in a cache that several share
            return None
        if not try_lock(descriptor):
            os.close(descriptor)
            return None
        if is_at(descriptor, path):
            return descriptor
        # Between opening and locking, its writer committed it: what is open here is a blob now.
        os.close(descriptor)
