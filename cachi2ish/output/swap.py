"""Putting a new directory in the place of an old one.

Where the kernel can exchange two names (Linux, ``renameat2``), a reader sees the old tree or the new one and
nothing else. Elsewhere the old one is renamed away first: for an instant there is none, and a process killed in
that instant leaves it under ``.<name>.previous-…``, from where `restore` brings it back. What cannot be renamed
at all, a mount point, keeps its place and gets its entries replaced one by one, each by a rename.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from cachi2ish.files.locks import locked_directory
from cachi2ish.files.scratch import short_name

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

#: Answers of a kernel or file system without the exchange.
_CANNOT_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})

#: Answers for a directory that has to stay where it is: a mount point, a lower layer of an overlay.
_CANNOT_MOVE = frozenset({errno.EBUSY, errno.EXDEV})

_OCCUPIED = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def take_place(new: Path, target: Path, *, last: str, keep: re.Pattern[str]) -> None:
    """Let ``new`` take the place of ``target``, a directory on the same file system, which may be missing.

    What was there may afterwards be found at ``new``, for the caller to remove. Where it cannot be renamed,
    `replace_contents` does it, with ``last`` and ``keep``. Raises `OSError`.
    """
    try:
        _rename_over(new, target)
    except OSError as error:
        if error.errno not in _CANNOT_MOVE:
            raise
        replace_contents(new, target, last=last, keep=keep)


def _rename_over(new: Path, target: Path) -> None:
    try:
        new.rename(target)  # of nothing, or of an empty directory: one step
    except OSError as error:
        if error.errno not in _OCCUPIED:
            raise
    else:
        return
    if exchange(new, target):
        return
    with locked_directory(target.parent):
        aside = target.with_name(f".{short_name(target.name)}.previous-{os.urandom(4).hex()}")
        target.rename(aside)
        try:
            new.rename(target)
        except BaseException:
            aside.rename(target)
            raise
    shutil.rmtree(aside, ignore_errors=True)


def restore(target: Path) -> None:
    """Undo what a killed process left of `take_place`. Raises `OSError`."""
    pattern = re.compile(rf"\.{re.escape(short_name(target.name))}\.previous-[0-9a-f]{{8}}")
    with os.scandir(target.parent) as entries:
        if not any(pattern.fullmatch(entry.name) for entry in entries):
            return
    with locked_directory(target.parent):  # not while another process is between its two renames
        left = sorted(path for path in target.parent.iterdir() if pattern.fullmatch(path.name))
        if left and not target.exists():
            left.pop().rename(target)
        for path in left:
            shutil.rmtree(path, ignore_errors=True)


def replace_contents(new: Path, target: Path, *, last: str, keep: re.Pattern[str]) -> None:
    """Replace the entries of ``target`` by those of ``new``; then remove the others.

    ``last`` goes first and comes last: without it a directory is no output, so one that a killed process left
    half replaced is not taken for one.

    Entries whose name matches ``keep`` stay. One process at a time. Raises `OSError`.
    """
    with locked_directory(target):
        arriving = sorted((path.name for path in new.iterdir()), key=lambda name: (name == last, name))
        leaving = {path.name for path in target.iterdir()}.difference(arriving)
        (target / last).unlink(missing_ok=True)
        for name in arriving:
            _replace(new / name, target / name)
        for name in leaving:
            if not keep.fullmatch(name):
                _remove(target / name)


def _replace(new: Path, old: Path) -> None:
    if not os.path.lexists(old):
        new.rename(old)
    elif not _is_directory(new) and not _is_directory(old):
        new.replace(old)
    else:
        with suppress(OSError):
            if exchange(new, old):
                return
        _remove(old)
        new.rename(old)


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    if _is_directory(path):
        shutil.rmtree(path)
    else:
        path.unlink()


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; return False where this system cannot. Raises `OSError`."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        renameat2 = library.renameat2
    except AttributeError:  # not Linux, or an old C library
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def is_mount_point(directory: Path) -> bool:
    """Return whether ``directory`` (resolved) is a mount point, bind mounts of the same file system included."""
    if directory.is_mount():
        return True
    try:
        table = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return False
    # The fifth field, with blanks and the like as octal escapes (proc_pid_mountinfo(5)).
    escaped = re.sub(rb"[ \t\n\\]", lambda found: b"\\%03o" % ord(found.group()), os.fsencode(directory))
    return any(line.split()[4] == escaped for line in table.splitlines())
