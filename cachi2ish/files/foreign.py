"""The one way to read a file that somebody else made: whole, of a bounded size, and without waiting for anybody.

It may be a named pipe, whose writer never comes; a device, which never ends or does something when it is opened;
or larger than memory. Whoever may write to the place of a file can put such a thing there.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

_MIB = 1 << 20

#: Bytes of a file of text: an input, a lock, a configuration, a record. Of what is longer nothing is read.
LARGEST_TEXT = 16 * _MIB

#: The names by which a process reaches its streams, and devices that are written as streams are.
#: ``/dev/shm`` is not among them: what is kept there are files. The last are those that ``/dev/fd`` leads to, such
#: as ``/proc/12/fd/pipe:[34]`` (proc_pid_fd(5)).
_STREAM = re.compile(
    r"/dev/(?:std(?:in|out|err)|tty\w*|console|null|full|(?:fd|pts)/\d+)|/proc/[^/]+/(?:task/\d+/)?fd/.+", re.ASCII
)


class UnfitFileError(OSError):
    """What is there is not read.

    strerror: the end of a sentence that begins with the file: ``is not a regular file``. hint: what to do.
    errno: ``EFBIG`` for one that is too large.
    """

    hint: str

    def __init__(self, path: Path, problem: str, hint: str, number: int = errno.EINVAL) -> None:
        super().__init__(number, problem, str(path))
        self.hint = hint


def read_foreign(path: Path, most: int = LARGEST_TEXT, *, streams: bool = False) -> bytes:
    """Return the content of a regular file.

    most: bytes. streams: whether the streams of this process may be read too, as a shell passes them
    (``/dev/stdin``, ``<(command)``): a person has to name one.

    Raises `UnfitFileError` for anything else and for a larger file, and any other `OSError` as the system says it.
    """
    # By the real name: /dev/stdin may be a named pipe, which would be opened anew, when its writer may have gone.
    is_stream = streams and names_a_stream(Path(os.path.realpath(path)))
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
    if not is_stream:
        flags |= os.O_NONBLOCK
        _check(path, path.stat(), most, streams=streams)  # before it is opened: some devices act on that
    descriptor = os.open(path, flags)
    try:
        if not is_stream:
            _check(path, os.fstat(descriptor), most, streams=streams)
        chunks: list[bytes] = []
        size = 0
        while chunk := os.read(descriptor, min(most - size + 1, _MIB)):
            size += len(chunk)
            if size > most:
                raise _too_large(path, size, most)
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    return b"".join(chunks)


def stream_foreign(path: Path) -> Iterator[bytes]:
    """Yield the content of a regular file of any size, piece by piece; raises as `read_foreign` does."""
    _check(path, path.stat(), None, streams=False)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        _check(path, os.fstat(descriptor), None, streams=False)
        while chunk := os.read(descriptor, _MIB):
            yield chunk
    finally:
        os.close(descriptor)


def names_a_stream(path: Path) -> bool:
    """Return whether ``path`` is the name of a stream; the file system is not asked, and no link is followed."""
    return _STREAM.fullmatch(str(path)) is not None


def decode_text(content: bytes, encoding: str = "utf-8") -> str:
    """Return the text, its line ends read as Python reads them; raises `UnicodeDecodeError`."""
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding).read()


def _check(path: Path, status: os.stat_result, most: int | None, *, streams: bool) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        named = "name a regular file, or a stream such as /dev/stdin"
        hint = named if streams else "put a regular file in its place"
        raise UnfitFileError(path, "is not a regular file", hint)
    if most is not None and status.st_size > most:
        raise _too_large(path, status.st_size, most)


def _too_large(path: Path, size: int, most: int) -> UnfitFileError:
    problem = f"has {size} bytes or more, and {most} are the most that are read of it"
    return UnfitFileError(path, problem, "check that it is the file that is meant", errno.EFBIG)
