"""Paths that cannot leave the directory they belong to.

A name that comes from outside (the input, a lock file, an index, an archive) becomes a path here and nowhere
else. Symbolic links are followed as the kernel would, so a link that leads out is refused, one that stays
inside is fine. The check is made when a path is joined: it guards against hostile names, not against another
process that rearranges the tree at the same moment.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from msgspec import Struct

from cachi2ish.core.structs import compared_without
from cachi2ish.errors import InputError, Origin, StorageError


class RootedPath(Struct, frozen=True, eq=False):
    """A path known to lie in ``root``, or to be it.

    root: absolute, links resolved. relative: as it was joined, POSIX separators, "." for the root itself.
    error: what is raised for a path that is refused: `InputError` for the user's tree, `StorageError` for
    places that this program fills.
    """

    root: Path
    relative: str = "."
    error: type[InputError | StorageError] = InputError

    __eq__, __hash__ = compared_without("error")

    @classmethod
    def of(
        cls,
        root: str | os.PathLike[str],
        *,
        error: type[InputError | StorageError] = InputError,
    ) -> RootedPath:
        """Return ``root`` itself, its own links resolved; it need not exist.

        Raises ``error`` where it cannot be a path at all (a null character, a loop of links).
        """
        return cls(_real(os.fspath(root), error, None), ".", error)

    def join(self, part: str, *, origin: Origin | None = None) -> RootedPath:
        """Return the path ``part`` (POSIX, relative) below this one; it need not exist.

        Raises the ``error`` of this path, with ``origin``, for an empty or absolute part, one with ``..`` or a
        null character, one that no file can be called, and one that leaves the root through a symbolic link.
        """
        pure = PurePosixPath(part)
        reason = _unacceptable(part, pure)
        if reason:
            raise self.error(
                f"{part!r} {reason}",
                hint=f"write it relative to {self.path}, without '..'",
                origin=origin,
            )
        joined = RootedPath(self.root, PurePosixPath(self.relative, pure).as_posix(), self.error)
        joined._inside(origin)
        return joined

    @property
    def path(self) -> Path:
        """The absolute path, with the links below the root as they are named."""
        return self.root / self.relative

    @property
    def resolved(self) -> Path:
        """The absolute path with every link followed: what is to be replaced when a file is rewritten."""
        return self._inside(None)

    def _inside(self, origin: Origin | None) -> Path:
        real = _real(str(self.path), self.error, origin)
        if not real.is_relative_to(self.root):
            raise self.error(
                f"{self.relative!r} leads out of {self.root}, to {real}",
                hint="replace the symbolic link by what it points to, or move that inside",
                origin=origin,
            )
        return real

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.relative


def _unacceptable(part: str, pure: PurePosixPath) -> str | None:
    """Return why ``part`` cannot be joined, as the end of a sentence, or None."""
    if not part:
        return "names no file"
    if "\0" in part:
        return "contains a null character"
    if pure.is_absolute():
        return "is an absolute path"
    if ".." in pure.parts:
        return "contains '..'"
    return None


def _real(path: str, error: type[InputError | StorageError], origin: Origin | None) -> Path:
    try:
        try:
            return Path(os.path.realpath(path, strict=True))
        except (FileNotFoundError, NotADirectoryError):
            # What is not there yet may still hang below a link, or be the target of a dangling one.
            return Path(os.path.realpath(path))
    except OSError as failure:  # a loop of links, a name too long, no rights to look
        raise error(f"{path!r} cannot be resolved: {failure.strerror}", origin=origin) from failure
    except ValueError as failure:  # a null character, or half of a surrogate pair
        raise error(f"{path!r} cannot be the name of a file", origin=origin) from failure
