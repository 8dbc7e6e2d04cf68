"""Writes the small files of an archive into a folder, where its project files are looked at."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from cachi2ish.errors import StorageError
from cachi2ish.sdists.forward import Budget, TooLargeError
from cachi2ish.sdists.members import Member

#: An archive may call one path a file and a folder, or use names that this file system does not have. Such a
#: file is left out: whoever needs it will say that it is missing.
_UNUSABLE = frozenset(
    {
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.EILSEQ,
        errno.ELOOP,
    },
)


def unpack_sources(members: Iterable[Member], destination: Path, budget: Budget) -> Path:
    """Write the small files of an archive below ``destination``; return the folder that stands for its root.

    That is the one folder that holds everything, where there is one (as pip strips it).
    Links are not made, so no path can lead elsewhere. Raises `TooLargeError`.
    """
    total, limits = 0, budget.limits
    tops: set[str] = set()
    flat = False
    for member in members:
        budget.check()
        if member.is_link:
            continue
        tops.add(member.parts[0])
        flat = flat or len(member.parts) == 1
        if member.size > limits.file or len(member.parts) > limits.depth or ".git" in member.parts:
            continue
        content = member.read()
        total += len(content)
        if total > limits.unpacked:
            raise TooLargeError(f"its small files have more than {limits.unpacked} bytes")
        _write(destination.joinpath(*member.parts), content)
    return destination if flat or len(tops) != 1 else destination / tops.pop()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except UnicodeEncodeError:
        return
    except OSError as error:
        if error.errno in _UNUSABLE:
            return
        raise StorageError(
            f"an archive cannot be unpacked to be looked at ({error.strerror})",
            hint="check the space and the rights in the temporary directory",
            cause=("temporary directory", error.errno),
        ) from error
