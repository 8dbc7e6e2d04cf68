"""A project's folder, read without ever leaving the source that it belongs to."""

from __future__ import annotations

import errno
import os
import posixpath
from pathlib import Path

from cachi2ish.errors import InputError, Origin
from cachi2ish.files.foreign import UnfitFileError, read_foreign

#: Bytes. No file that states a name or a version by hand comes near it, and reading TOML takes time that grows
#: faster than the file.
SIZE_LIMIT = 1 << 20

#: What `os.stat` answers where a path leads to no file.
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})


class ProjectFolder:
    """The files of one project.

    source: the root of what may be read. path: the project's folder in it, POSIX separators.

    A path that leads out of ``source``, be it by ``..`` or by a symbolic link, is not followed: what it names
    is taken to be not there.
    """

    def __init__(self, source: Path, path: str) -> None:
        self._root = os.path.realpath(source)
        self._path = path

    def origin(self, file: str, line: int | None = None) -> Origin:
        """Return the place of ``file`` as the user would type it, relative to the source."""
        return Origin(posixpath.normpath(posixpath.join(self._path, file)), line)

    def read_bytes(self, file: str) -> bytes | None:
        """Return the content of ``file`` (relative to the project), or None where there is no such file.

        Raises `InputError` for one that cannot be read or is larger than `SIZE_LIMIT`.
        """
        target = self._resolve(file)
        if target is None:
            return None
        try:
            return read_foreign(target, SIZE_LIMIT)
        except UnfitFileError as error:
            if error.errno != errno.EFBIG:  # a named pipe, or a device
                return None
            raise InputError(
                f"the file {error.strerror}, to find its metadata",
                hint="state name and version in a pyproject.toml of ordinary size",
                origin=self.origin(file),
            ) from error
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise InputError(
                f"the file cannot be read: {error.strerror}",
                hint="make it readable for the user who runs cachi2ish",
                origin=self.origin(file),
            ) from error

    def read_text(self, file: str) -> str | None:
        """Return the content of ``file`` decoded from UTF-8, with or without a byte-order mark."""
        content = self.read_bytes(file)
        if content is None:
            return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                f"the byte 0x{content[error.start]:02x} is not UTF-8",
                hint="save the file in UTF-8",
                origin=self.origin(file, content.count(b"\n", 0, error.start) + 1),
            ) from error

    def has_folder(self, folder: str) -> bool:
        """Return whether the project has a folder of that name."""
        target = self._resolve(folder)
        return target is not None and target.is_dir()

    def _resolve(self, file: str) -> Path | None:
        # Names come from files that anybody may have written: NUL and lone surrogates cannot be in a path.
        if not file or "\0" in file or not file.isprintable() or posixpath.isabs(file):
            return None
        target = os.path.realpath(os.path.join(self._root, self._path, file))  # noqa: PTH118  (Path.resolve raises on loops)
        inside = target == self._root or os.path.commonpath((self._root, target)) == self._root
        return Path(target) if inside else None
