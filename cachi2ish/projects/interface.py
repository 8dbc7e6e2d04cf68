"""The user's own projects as the other rooms see them: a name, and a version if it is stated."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from msgspec import Struct

from cachi2ish.core.inventory import VcsOrigin


class DeclaredMetadata(Struct, frozen=True):
    """What a project's files say, as far as it can be known without running them (PEP 621 and before)."""

    name: str | None
    version: str | None


class ProjectReader(Protocol):
    """Reads name and version from a source tree."""

    def read(self, source: Path, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        """Return what the project at ``source / path`` is called.

        Falls back to the last part of the origin's URL with the sub-path appended. A name of None means
        that nothing tells. Files that cannot be read or parsed raise `InputError` with their place.
        """
        ...

    def build_requires(self, pyproject: bytes | None) -> tuple[str, ...]:
        """Return what a project is built with, from its ``pyproject.toml``; None where there is none (PEP 518).

        Requirements as they are written; empty where it cannot be told.
        """
        ...

    def read_build_requires(self, source: Path, path: str) -> tuple[str, ...]:
        """Return what the project at ``source / path`` is built with; nothing for a folder that is not built."""
        ...

    def read_origin(self, path: str, vcs: VcsOrigin | None) -> DeclaredMetadata:
        """Return what the origin alone tells of the project at ``path``."""
        ...
