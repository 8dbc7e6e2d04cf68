"""Source distributions as the other rooms see them: what an archive says it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from cachi2ish.core.structs import compared_without


class Identity(Struct, frozen=True, eq=False, gc=False):
    """What an archive's own metadata says.

    version: None where it states none. extra_dependencies: those of its dependencies that ask for extras of a
    project, as ``Requires-Dist`` states them. build_requires: what an sdist is built with, as ``pyproject.toml``
    states it, or what installers take where it states nothing (PEP 518).
    """

    name: str
    version: str | None
    extra_dependencies: tuple[str, ...] = ()
    build_requires: tuple[str, ...] = ()

    __eq__, __hash__ = compared_without("build_requires")


class CoreMetadata(Struct, frozen=True, kw_only=True):
    """Core metadata as far as installers decide by it (core metadata specifications).

    format_version: ``Metadata-Version``, "" where it states none. requires_dist: as written, each on one line.
    dynamic: the fields that a build may change (PEP 643), lower case.
    """

    format_version: str
    name: str
    version: str | None
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None
    provides_extra: tuple[str, ...] = ()
    dynamic: frozenset[str] = frozenset()


class MetadataReader(Protocol):
    """Reads what installers decide by."""

    def of_wheel(self, path: Path, filename: str) -> CoreMetadata | None:
        """Return what the METADATA of a wheel says; None where there is none to read.

        Raises `DistributionError` for an archive that is broken, and `StorageError`.
        """
        ...

    def of_text(self, content: bytes) -> CoreMetadata | None:
        """Return what the text of a PKG-INFO or METADATA says, or None where it names no project."""
        ...


class SdistReader(Protocol):
    """Looks into archives without unpacking or running anything."""

    def identify(self, path: Path, filename: str, subdirectory: str | None = None) -> Identity | None:
        """Return what the archive at ``path`` says it is.

        filename: what it is called (the ending decides how it is read). Core metadata (``PKG-INFO``) first,
        then the static metadata of ``pyproject.toml`` and its elders; None where nothing tells.
        Raises `DistributionError` for an archive that is broken or unsafe to unpack.
        """
        ...


class TextReader(Protocol):
    """Reads single files of an sdist. Both raise `DistributionError` for an archive that is broken or unsafe."""

    def top(self, path: Path, filename: str, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the contents of those of ``names`` that stand at the top of the project."""
        ...

    def below(self, path: Path, filename: str, wanted: Callable[[str], bool]) -> Mapping[str, bytes]:
        """Return the contents of the files whose path below the top is wanted."""
        ...


class WheelReader(Protocol):
    """Looks into wheels without unpacking or running anything."""

    def wheel_metadata(self, path: Path, filename: str) -> bytes:
        """Return the core metadata of the wheel at ``path``, as it stands there.

        Raises `DistributionError` for a wheel that is broken or has none of its own, `StorageError` where it
        cannot be read.
        """
        ...
