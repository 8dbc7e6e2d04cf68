"""A folder that others may write to, in which links are not followed.

Who may write to a folder can put a link in the place of anything in it, also between a look at it and its use. So
each folder on the way is opened by itself, and what is done in it is done by its descriptor (openat(2)).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would be waited for


class ObstacleError(OSError):
    """There is something else where a file is to be."""


class Folder:
    """What is below ``root``, which may be a link itself. Paths are below it, absolute as it is.

    All methods raise `OSError`: `NotADirectoryError` where a folder on the way is a link or no folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = os.path.join(root, "")  # noqa: PTH118  (with a slash at its end)

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        """Return a descriptor of a regular file; a link, a pipe or a device is an `ObstacleError`."""
        *folders, name = self._parts(path)
        parent = self._descend(folders)
        try:
            descriptor = os.open(name, flags | _FILE, mode, dir_fd=parent)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise _obstacle(path) from None
            raise
        finally:
            os.close(parent)
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return descriptor
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise _obstacle(path)

    def make(self, path: Path) -> None:
        """Make the folder ``path`` and those that it is in, where they are missing."""
        os.close(self._descend(self._parts(path), make=True))

    def status(self, path: Path) -> os.stat_result:
        """Return what is at ``path``: of a link, the link itself."""
        with self._parent(path) as parent:
            return os.stat(path.name, dir_fd=parent, follow_symlinks=False)

    def touch(self, path: Path) -> None:
        """Set the time of what is at ``path`` to now."""
        *folders, name = self._parts(path)
        parent = self._descend(folders)
        try:
            os.utime(name, dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(parent)

    def unlink(self, path: Path, *, missing_ok: bool = False) -> None:
        """Remove a file, or a link itself."""
        with self._parent(path) as parent:
            try:
                os.unlink(path.name, dir_fd=parent)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    def replace(self, source: Path, path: Path) -> None:
        """Rename ``source`` to ``path``, in the place of whatever file is there; make the folders on the way."""
        with self._parent(source) as before, self._parent(path, make=True) as parent:
            os.replace(source.name, path.name, src_dir_fd=before, dst_dir_fd=parent)

    def link(self, path: Path, target: str) -> None:
        """Make a symbolic link to ``target``."""
        with self._parent(path) as parent:
            os.symlink(target, path.name, dir_fd=parent)

    def target(self, path: Path) -> str | None:
        """Return what the symbolic link at ``path`` holds; None where there is none."""
        with self._parent(path) as parent, suppress(OSError):
            return os.readlink(path.name, dir_fd=parent)
        return None

    def is_at(self, descriptor: int, path: Path) -> bool:
        """Return whether ``path`` still names the open file (it may have been renamed or removed)."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.status(path))
        except FileNotFoundError:
            return False

    def names(self, path: Path) -> list[str]:
        """Return the names of what is in the folder ``path``, sorted."""
        folder = self._descend(self._parts(path))
        try:
            return sorted(os.listdir(folder))  # noqa: PTH208  (by its descriptor)
        finally:
            os.close(folder)

    def _parts(self, path: Path) -> list[str]:
        # What pathlib would say, in a fifth of the time: this is called several times for each file of a run.
        text, root = os.fspath(path), self._root
        if not text.startswith(root):
            msg = f"{path} is not in {self.root}"
            raise ValueError(msg)
        return text[len(root) :].split("/")

    @contextmanager
    def _parent(self, path: Path, *, make: bool = False) -> Iterator[int]:
        folder = self._descend(self._parts(path)[:-1], make=make)
        try:
            yield folder
        finally:
            os.close(folder)

    def _descend(self, parts: list[str], *, make: bool = False) -> int:
        """Return a descriptor of the folder, to be closed."""
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for number, part in enumerate(parts):
            try:
                try:
                    inner = os.open(part, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    if not make:
                        raise
                    with suppress(FileExistsError):  # another has been quicker
                        os.mkdir(part, dir_fd=folder)
                    inner = os.open(part, _FOLDER, dir_fd=folder)
            except NotADirectoryError as error:
                place = "/".join(parts[: number + 1])
                problem = f"{place} in it is no folder, and links are not followed there"
                raise NotADirectoryError(errno.ENOTDIR, problem) from error
            finally:
                os.close(folder)
            folder = inner
        return folder


def _obstacle(path: Path) -> ObstacleError:
    return ObstacleError(errno.EINVAL, f"{path.name} is not a regular file")
