"""From the operating system's refusals to errors that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cachi2ish.advice import Place
from cachi2ish.errors import StorageError

#: Answers of a place that may not be written.
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})

_HINTS = {
    errno.ENOSPC: "free some space, or choose a place on another disk",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose another place",
    errno.EACCES: "choose a directory that you may write to",
    errno.EPERM: "choose a directory that you may write to",
    errno.EROFS: "the file system is mounted read-only: choose another place",
    **dict.fromkeys(
        (errno.ENOTDIR, errno.EEXIST),
        "a part of the path is a file, or a link that leads nowhere: choose another place",
    ),
    errno.ENAMETOOLONG: "the path is too long: choose another place",
    errno.ELOOP: "links in the path lead round in a circle: choose another place",
}
#: Answers where this process, or the machine, has as many files open as it may; then no other place helps.
OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE})
MORE_FILES = "allow more open files (ulimit -n 1024), or make fewer requests at once"

#: Where directories are made, nobody has removed them: some file systems take none (``/proc``).
_TAKES_NONE = "no directory can be made there: choose another place"


@contextmanager
def storage_errors(problem: str, place: Place | None, *, about: str = "", making: bool = False) -> Iterator[None]:
    """Turn every `OSError` of the block into a `StorageError`: ``problem``, the reason, a hint.

    place: the one that another would help instead of; None where no option names it.
    about: the file in ``place`` that the problem names; what is about none is one failure for all files.
    making: whether the block makes the directories of a place that need not be there.
    Only this package's own file operations belong into the block: the errors of an HTTP library are
    `OSError` too, and are no matter of storage.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(problem, error, place, about=about, making=making) from error


def storage_error(
    problem: str, error: OSError, place: Place | None, *, about: str = "", making: bool = False
) -> StorageError:
    """Return the error to raise instead of ``error``; about, making: as in `storage_errors`."""
    hint = _HINTS.get(error.errno or 0, "choose another place")
    removed = error.errno == errno.ENOENT and not making
    if error.errno == errno.ENOENT:
        hint = "another program removed files meanwhile: run again" if removed else _TAKES_NONE
    if error.errno in OUT_OF_FILES:
        hint = MORE_FILES
    reason = error.strerror or str(error)
    if error.errno == errno.EEXIST:  # what `mkdir` says of a file; "File exists" would puzzle
        reason = os.strerror(errno.ENOTDIR)
    return StorageError(
        f"{problem}: {reason}",
        hint=hint,
        place=None if removed or error.errno in OUT_OF_FILES else place,
        cause=(place, about, error.errno),
    )


def cache_errors(directory: Path) -> str:
    """Return the problem that all failures to write a cache have: it names the cache and not the file in it."""
    return f"the cache {directory} cannot be written"
