"""From the operating system's refusals to errors that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cachi2ish.errors import StorageError

#: The options with which a user moves the two places elsewhere.
CACHE_OPTION = "--cache-dir"
OUTPUT_OPTION = "--output"

#: Answers of a place that may not be written.
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})

_HINTS = {
    errno.ENOSPC: "free some space, or choose a place on another disk with {option}",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose another place with {option}",
    errno.EACCES: "choose a directory that you may write to with {option}",
    errno.EPERM: "choose a directory that you may write to with {option}",
    errno.EROFS: "the file system is mounted read-only: choose another place with {option}",
    **dict.fromkeys(
        (errno.ENOTDIR, errno.EEXIST),
        "a part of the path is a file, or a link that leads nowhere: choose another place with {option}",
    ),
    errno.ENAMETOOLONG: "the path is too long: choose another place with {option}",
    errno.ELOOP: "links in the path lead round in a circle: choose another place with {option}",
    errno.ENOENT: "another program removed files meanwhile: run again",
}
#: Where directories are made, nobody has removed them: some file systems take none (``/proc``).
_TAKES_NONE = "no directory can be made there: choose another place with {option}"


@contextmanager
def storage_errors(problem: str, option: str, *, making: bool = False) -> Iterator[None]:
    """Turn every `OSError` of the block into a `StorageError`: ``problem``, the reason, a hint.

    making: whether the block makes the directories of a place that need not be there.
    Only this package's own file operations belong into the block: the errors of an HTTP library are
    `OSError` too, and are no matter of storage.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(problem, error, option, making=making) from error


def storage_error(problem: str, error: OSError, option: str, *, making: bool = False) -> StorageError:
    """Return the error to raise instead of ``error``; making: as in `storage_errors`."""
    hint = _HINTS.get(error.errno or 0, "choose another place with {option}")
    if making and error.errno == errno.ENOENT:
        hint = _TAKES_NONE
    reason = error.strerror or str(error)
    if error.errno == errno.EEXIST:  # what `mkdir` says of a file; "File exists" would puzzle
        reason = os.strerror(errno.ENOTDIR)
    return StorageError(f"{problem}: {reason}", hint=hint.format(option=option))


def cache_errors(directory: Path) -> str:
    """Return the problem under which all failures to write a cache are told.

    It names the cache and not the file in it, so that many downloads that fail for one reason say one thing.
    """
    return f"the cache {directory} cannot be written"
