"""Copies of files that share their blocks where the file system can; and the one time that all files have."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from contextlib import suppress
from io import FileIO
from pathlib import Path

#: Linux, <linux/fs.h>: _IOW(0x94, 9, int).
_FICLONE = 0x40049409

_PORTION = 1 << 30

#: What a kernel or file system answers that cannot copy by itself.
_CANNOT = frozenset(
    {errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.EIO}
)

#: 1980-01-01T00:00:00Z in seconds since the epoch: the earliest that a ZIP archive can hold.
MODIFIED = 315_532_800


def copy_file(reading: FileIO, destination: str | Path, mode: int) -> int:
    """Make ``destination``, a new file with this mode whatever the umask, of `MODIFIED`; return its size.

    Raises `OSError`: `FileExistsError` where there is one. A copy that fails leaves none behind.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(destination, flags, 0o600)
    try:
        try:
            if not _clone(reading.fileno(), descriptor) and not _kernel_copy(reading.fileno(), descriptor):
                _copy(reading, descriptor)
            set_mode_and_time(descriptor, mode)
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            os.unlink(destination)  # noqa: PTH108  (mostly a text)
        raise


def _copy(reading: FileIO, destination: int) -> None:
    reading.seek(0)
    with os.fdopen(destination, "wb", closefd=False) as writing:
        writing.seek(0)
        writing.truncate()
        shutil.copyfileobj(reading, writing, 1 << 20)


def _clone(source: int, destination: int) -> bool:
    with suppress(OSError):  # another file system, or one without reflinks: whatever ails it, the copy will tell
        fcntl.ioctl(destination, _FICLONE, source)
        return True
    return False


def _kernel_copy(source: int, destination: int) -> bool:
    """Copy without passing the bytes through this process; return whether it was done, wholly."""
    if not hasattr(os, "copy_file_range"):
        return False
    try:
        while os.copy_file_range(source, destination, _PORTION):
            pass
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return os.fstat(source).st_size == os.fstat(destination).st_size


def set_mode_and_time(descriptor: int, mode: int) -> None:
    """Set mode and times of a file of which all is written."""
    os.fchmod(descriptor, mode)
    os.utime(descriptor, (MODIFIED, MODIFIED))


def stamp(path: str | Path) -> None:
    """Set the time of modification and access. Raises `OSError`, for one where only its owner may do that."""
    os.utime(path, (MODIFIED, MODIFIED), follow_symlinks=False)
