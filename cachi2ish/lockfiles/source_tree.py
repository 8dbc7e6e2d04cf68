"""The user's source tree: lock files are read from within it and from nowhere else."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, StorageError
from cachi2ish.files.foreign import UnfitFileError, read_foreign, read_toml


class SourceTree(Struct, frozen=True):
    """root: resolved. Files are named relative to it, with POSIX separators."""

    root: Path

    def name_of(self, path: str, including: str) -> str:
        """Return the name of the file that ``path`` means in the file ``including``; it may lead out."""
        if path.startswith("/"):
            return posixpath.relpath(path, self.root.as_posix())
        return posixpath.normpath(posixpath.join(posixpath.dirname(including), path))

    def read(self, file: str, included_at: Origin | None = None) -> bytes:
        """Return the content of a file that must be there.

        included_at: the line to name when it cannot be read, None for the file that the input names.
        Raises `InputError`, `LockFileError` or `StorageError`.
        """
        content = self.find(file, included_at)
        if content is None:
            what = "it does not exist" if included_at is None else f"{file} does not exist"
            raise self._error(what, "check the path", file, included_at)
        return content

    def find(self, file: str, included_at: Origin | None = None) -> bytes | None:
        """Return the content, or None where there is no such file; raises as `read` does."""
        subject = "it" if included_at is None else file  # the message begins with the file's name already
        try:
            path = Path(os.path.realpath(self.root / file))
            if not path.is_relative_to(self.root):
                raise self._error(
                    f"{subject} is outside the source directory",
                    "copy it into the source directory",
                    file,
                    included_at,
                )
            if path.is_dir():
                raise self._error(f"{subject} is a directory", "name the file in it", file, included_at)
            return read_foreign(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnfitFileError as error:
            problem = f"{subject} {error.strerror}"
            raise self._error(problem, error.hint or "write its lines to a file", file, included_at) from None
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links, before Python 3.13
            raise StorageError(
                f"{subject} cannot be read: {getattr(error, 'strerror', None) or 'its path is not usable'}",
                hint="check that it is a file and that you may read it",
                origin=included_at or Origin(file),
            ) from None

    @staticmethod
    def _error(problem: str, hint: str, file: str, included_at: Origin | None) -> Cachi2ishError:
        if included_at is None:
            return InputError(problem, hint=hint, origin=Origin(file))
        return LockFileError(problem, hint=f"{hint}; it is relative to the file that names it", origin=included_at)


def read_pyproject(tree: SourceTree, folder: str) -> Mapping[str, Any]:
    """Return the ``pyproject.toml`` of a folder; nothing where there is none that can be read."""
    try:
        content = tree.find(posixpath.join(folder, "pyproject.toml"))
        return {} if content is None else read_toml(content.decode())
    except (Cachi2ishError, ValueError, RecursionError):
        return {}
