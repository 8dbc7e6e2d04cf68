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
    errno.ENOTDIR: "a part of the path is a file: choose another place with {option}",
    errno.EEXIST: "a part of the path is a file: choose another place with {option}",
    errno.ENOENT: "another program removed files meanwhile: run again",
}


@contextmanager
def storage_errors(problem: str, option: str) -> Iterator[None]:
    """Turn every `OSError` of the block into a `StorageError`: ``problem``, the reason, a hint.

    Only this package's own file operations belong into the block: the errors of an HTTP library are
    `OSError` too, and are no matter of storage.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(problem, error, option) from error


def storage_error(problem: str, error: OSError, option: str) -> StorageError:
    """Return the error to raise instead of ``error``."""
    hint = _HINTS.get(error.errno or 0, "choose another place with {option}")
    reason = error.strerror or str(error)
    if error.errno == errno.EEXIST:  # what `mkdir` says of a file; "File exists" would puzzle
        reason = os.strerror(errno.ENOTDIR)
    return StorageError(f"{problem}: {reason}", hint=hint.format(option=option))


def cache_errors(directory: Path) -> str:
    """Return the problem under which all failures to write a cache are told.

    It names the cache and not the file in it, so that many downloads that fail for one reason say one thing.
    """
    return f"the cache {directory} cannot be written"
