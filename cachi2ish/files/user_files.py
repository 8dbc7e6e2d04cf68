"""Files of the user's tree, and files that a command was told to write: read whole, replaced whole."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cachi2ish.errors import InputError, StorageError
from cachi2ish.files.foreign import UnfitFileError, names_a_stream, read_foreign
from cachi2ish.files.interface import ResultKind
from cachi2ish.files.os_errors import OUT_OF_FILES, storage_error
from cachi2ish.files.scratch import short_name

_MODE = 0o644

#: Bytes by which an earlier result is recognised.
_BEGINNING = 1 << 16

#: How often, and after how many seconds each, it is tried whether somebody reads from a named pipe: ten seconds.
_TRIES = 200
_PAUSE = 0.05


class DiskFiles:
    """Reads files, and replaces them without a reader ever seeing half of one."""

    def read(self, path: Path) -> bytes | None:
        """Return the content, None where there is no such file; raises `StorageError`.

        Of a pipe or a device, which would be waited for or has no end, nothing is read.
        """
        try:
            return read_foreign(path)
        except FileNotFoundError:
            return None
        except UnfitFileError as error:
            raise StorageError(f"{path} {error.strerror}", hint=error.hint) from error
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error

    def replace(self, path: Path, content: bytes, like: Path | None = None) -> None:
        """Write ``content`` to ``path``, following links; an existing file keeps its mode and owner.

        like: a file whose mode and owner ``path`` gets, existing or not. Raises `StorageError`.
        """
        with _writing(path, like or path) as file:
            file.write(content)

    def check_result(self, path: Path, kind: ResultKind) -> None:
        """Raise `InputError` where a result of ``kind`` would take the place of something else.

        Raises `StorageError` for a directory. That a place cannot be written is told when it is written.
        """
        there = kind_of(path)
        if there == stat.S_IFDIR:
            raise StorageError(f"{path} is a directory", hint="name a file in it")
        if there == stat.S_IFREG and not names_a_stream(path) and not _may_be_replaced(path, kind):
            raise InputError(
                f"the {kind.name} {path} would take the place of a file that is no {kind.name}",
                hint="name another file, or remove this one first",
            )

    def write_result(self, path: Path, content: bytes, kind: ResultKind) -> None:
        """Write a result as `replace` does; raises what `check_result` raises, and `StorageError`."""
        self.check_result(path, kind)
        self.replace(path, content)

    @contextmanager
    def writing_result(self, path: Path, kind: ResultKind) -> Iterator[IO[bytes]]:
        """Write a result of any length, which takes its place when the block ends, and not where it fails.

        Raises as `write_result` does; an `OSError` of the block counts as one of writing.
        """
        self.check_result(path, kind)
        with _writing(path, path) as file:
            yield file

    def append(self, path: Path, content: bytes) -> None:
        """Add lines to the end of ``path``, on a line of their own, in one piece; raises `StorageError`."""
        try:
            with _opened_stream(path) if _is_device(path) else path.open("ab") as file:
                file.write(content if _ends_a_line(path) else b"\n" + content)
        except OSError as error:
            raise _not_written(path, error) from error

    def remove(self, path: Path) -> None:
        """Remove a file if it is there; raises `StorageError`."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path} cannot be removed: {error.strerror}") from error


#: Where the folder is there and may be written, and that does not help.
_NOT_FOR_WANT_OF_RIGHTS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, *OUT_OF_FILES}
)


def _not_written(path: Path, error: OSError) -> StorageError:
    problem = f"{path} cannot be written"
    if error.errno in _NOT_FOR_WANT_OF_RIGHTS:
        return storage_error(problem, error, None)
    return StorageError(
        f"{problem}: {error.strerror or error}",
        hint="check that the folder exists and that you may write to it",
    )


def _ends_a_line(path: Path) -> bool:
    if _is_device(path) or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _is_device(path: Path) -> bool:
    # A stream by its name may be a file that others write to as well, or a pipe that has no other name.
    return path.exists() and (names_a_stream(path) or not path.is_file())


def _opened_stream(path: Path) -> IO[bytes]:
    """Open a stream, a pipe or a device to write to it.

    For the reader of a named pipe, who may be about to start, it waits a while. Raises `OSError`.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    mode = path.stat().st_mode
    if stat.S_ISBLK(mode):
        raise OSError(errno.EPERM, "it is a disk", str(path))
    tries = _TRIES if stat.S_ISFIFO(mode) and not names_a_stream(path) else 1
    for tried in range(1, tries + 1):
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(mode):
                raise
            if tried == tries:
                raise OSError(errno.ENXIO, "nobody reads from it", str(path)) from None
            time.sleep(_PAUSE)
        else:
            os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, "ab")
    raise AssertionError


def _may_be_replaced(path: Path, kind: ResultKind) -> bool:
    # A slip of the hand must not cost a lock file, or the cache its catalogue.
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:  # nobody can say what it is
        return False
    return not beginning or kind.is_own(beginning)


@contextmanager
def _writing(path: Path, like: Path) -> Iterator[IO[bytes]]:
    try:
        with (
            _opened_stream(path)  # /dev/stdout, a pipe: there is nothing to replace
            if _is_device(path)
            else _replacement(Path(os.path.realpath(path)), like)
        ) as file:
            yield file
    except OSError as error:
        raise _not_written(path, error) from error


@contextmanager
def _replacement(path: Path, like: Path) -> Iterator[IO[bytes]]:
    import tempfile  # noqa: PLC0415  (few runs write a file of the user)

    descriptor, name = tempfile.mkstemp(prefix=f".{short_name(path.name)}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            _take_over(like, file.fileno())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _take_over(like: Path, descriptor: int) -> None:
    try:
        before = like.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, _MODE & ~_umask())
        return
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()) and os.geteuid() == 0:
        os.fchown(descriptor, before.st_uid, before.st_gid)


def _umask() -> int:
    # The process's umask can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def kind_of(path: Path, *, follow: bool = True) -> int:
    """Return what is at ``path``, or where its links lead, as `stat.S_IFMT` has it; 0 where nothing can be seen.

    Unlike `Path.is_file` and its like until Python 3.13, this raises nothing where no file can have such a name,
    or where we may not look.
    """
    try:
        return stat.S_IFMT(path.stat(follow_symlinks=follow).st_mode)
    except (OSError, ValueError):
        return 0


def is_file(path: Path) -> bool:
    """Return whether there is a regular file at ``path``, or where its links lead; see `kind_of`."""
    return kind_of(path) == stat.S_IFREG


def is_system_text(text: str) -> bool:
    """Return whether ``text`` has no null character and no half of a surrogate pair (stray bytes may be)."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
