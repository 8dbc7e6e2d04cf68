"""Copies of files that share their blocks with the original where the file system can.

A reflink costs no space and no time, and is still a copy: writing to one does not reach the other. A hard link
is not, which is why none is ever made.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

#: Linux, <linux/fs.h>: _IOW(0x94, 9, int).
_FICLONE = 0x40049409

_PORTION = 1 << 30

#: What a kernel or file system answers that cannot copy by itself.
_CANNOT = frozenset(
    {errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.EIO}
)


def copy_file(source: Path, destination: Path, mode: int) -> int:
    """Make ``destination``, a new file with this mode whatever the umask; return its size in bytes.

    Raises `OSError`: `FileExistsError` where there is one. A copy that fails leaves none behind.
    """
    with source.open("rb", buffering=0) as reading:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(destination, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as writing:
                if not _clone(reading.fileno(), descriptor) and not _kernel_copy(reading.fileno(), descriptor):
                    reading.seek(0)
                    writing.seek(0)
                    writing.truncate()
                    shutil.copyfileobj(reading, writing, 1 << 20)
                    writing.flush()
                os.fchmod(descriptor, mode)
                return os.fstat(descriptor).st_size
        except BaseException:
            with suppress(OSError):
                destination.unlink()
            raise


def _clone(source: int, destination: int) -> bool:
    try:
        fcntl.ioctl(destination, _FICLONE, source)
    except OSError:  # another file system, or one without reflinks: whatever ails it, the copy will tell
        return False
    return True


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
