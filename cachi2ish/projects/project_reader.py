"""Name and version of a project, each from the first file that states it.

The order is ``pyproject.toml``, ``setup.py``, ``setup.cfg``, and for the name the git origin. Nothing of the
project is run or imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.projects import pyproject as pyproject_toml
from cachi2ish.projects.interface import DeclaredMetadata
from cachi2ish.projects.project_folder import ProjectFolder
from cachi2ish.projects.pyproject import build_requires, declares_build_system

#: The file of setuptools' own that is no table.
_SETUP_PY = "setup.py"


def _read_setup_py(folder: ProjectFolder) -> DeclaredMetadata:
    from cachi2ish.projects import setup_py  # noqa: PLC0415  (most projects say it in pyproject.toml)

    return setup_py.read(folder)


def _read_setup_cfg(folder: ProjectFolder) -> DeclaredMetadata:
    from cachi2ish.projects import setup_cfg  # noqa: PLC0415  (as above)

    return setup_cfg.read(folder)


_READERS: tuple[Callable[[ProjectFolder], DeclaredMetadata], ...] = (
    pyproject_toml.read,
    _read_setup_py,
    _read_setup_cfg,
)


class SourceTreeReader:
    """A `ProjectReader` for folders on disk."""

    def read(self, source: Path, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        """Return what the project at ``source / path`` is called.

        A file is looked at only while something is still unknown. Raises `InputError` for one that cannot be
        read, is no TOML or no configuration file, or states a name or version of another type than text.
        """
        folder = ProjectFolder(source, path)
        found = DeclaredMetadata(None, None)
        for reader in _READERS:
            found = _complete(found, reader(folder))
            if found.name and found.version:
                return found
        return _complete(found, self.read_origin(path, vcs))

    def build_requires(self, pyproject: bytes | None) -> tuple[str, ...]:
        """Return what a project is built with, from its ``pyproject.toml``; None where there is none."""
        return build_requires(pyproject)

    def read_build_requires(self, source: Path, path: str) -> tuple[str, ...]:
        """Return what the project at ``source / path`` is built with; nothing for a folder that is not built.

        Built is what has a ``build-system`` table, or nothing but a ``setup.py``. Raises `InputError` as `read`.
        """
        folder = ProjectFolder(source, path)
        pyproject = folder.read_bytes(pyproject_toml.FILE)
        if pyproject is None:
            return build_requires(None) if folder.read_bytes(_SETUP_PY) is not None else ()
        return self.build_requires(pyproject) if declares_build_system(pyproject) else ()

    def read_origin(self, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        """Return what the origin alone tells: a name."""
        return read(vcs, path)


def _complete(found: DeclaredMetadata, more: DeclaredMetadata) -> DeclaredMetadata:
    return DeclaredMetadata(found.name or _usable(more.name), found.version or _usable(more.version))


def _usable(text: str | None) -> str | None:
    # A line break or half a surrogate pair would spoil every output that the text is written to.
    stripped = (text or "").strip()
    return stripped if stripped and stripped.isprintable() else None


def read(vcs: VcsOrigin | None, path: str) -> DeclaredMetadata:
    """Return the name that a repository and the sub-path in it make, None without a repository."""
    repository = None if vcs is None else _repository(vcs.url)
    if repository is None:
        return DeclaredMetadata(None, None)
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return DeclaredMetadata("-".join([repository, *parts]), None)


def _repository(url: str) -> str | None:
    path = re.split(r"[?#]", url, maxsplit=1)[0].removesuffix("/").removesuffix("/.git").rstrip("/")
    without_scheme = path.partition("://")[2] or path
    # ":" parts host and path in git's short form, git@host:repo.git; a bare host has no repository's name
    segments = re.split(r"[/:]", without_scheme)
    if "://" in path and len(segments) == 1:
        return None
    return unquote(segments[-1]).removesuffix(".git") or None
