"""What stands in ``pdm.lock``, versions 4.0 to 4.5.1."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field


class File(Struct, frozen=True):
    """A file by its name, or by its address (``static_urls``). hash: ``sha256:…``."""

    hash: str
    file: str | None = None
    url: str | None = None


class Package(Struct, frozen=True):
    """A package, with extras as a package of its own. groups, marker: of a lock that inherits metadata.

    revision: the commit of a git repository.
    """

    name: str
    version: str | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    marker: str | None = None
    dependencies: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    git: str | None = None
    revision: str | None = None
    url: str | None = None
    path: str | None = None
    subdirectory: str | None = None
    editable: bool = False


class Target(Struct, frozen=True):
    """An environment that the lock is for."""

    requires_python: str | None = None


class Metadata(Struct, frozen=True):
    """files: of all packages by name and version, in 4.0."""

    lock_version: str = ""
    content_hash: str = ""
    groups: tuple[str, ...] = ()
    strategy: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    files: dict[str, tuple[File, ...]] = {}


class PdmLock(Struct, frozen=True):
    """The file, but for its packages, which are read one by one so that each error has its line."""

    package: list[Any] = []
    metadata: Metadata = field(default_factory=Metadata)


def parse_top(document: object) -> PdmLock:
    """Return the file; raises `msgspec.ValidationError`."""
    return msgspec.convert(document, PdmLock)


def parse_package(table: object) -> Package:
    """Return a package; raises `msgspec.ValidationError`."""
    return msgspec.convert(table, Package)
