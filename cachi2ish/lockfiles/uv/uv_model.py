"""What stands in ``uv.lock``, version 1. Keys that say nothing of what is installed are not read."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field


class Source(Struct, frozen=True, rename="kebab"):
    """Where a package comes from: one of these. registry: an address, or the path of a folder."""

    registry: str | None = None
    git: str | None = None
    url: str | None = None
    path: str | None = None
    directory: str | None = None
    editable: str | None = None
    virtual: str | None = None
    subdirectory: str | None = None

    @property
    def folder(self) -> str | None:
        """The folder of a package that is not fetched, relative to that of the lock."""
        return next((one for one in (self.editable, self.virtual, self.directory) if one is not None), None)


class File(Struct, frozen=True, rename="kebab"):
    """An sdist or a wheel. old_time: the key of uv 0.6."""

    url: str | None = None
    path: str | None = None
    filename: str | None = None
    hash: str | None = None
    size: int | None = None
    upload_time: str | None = None
    old_time: str | None = field(default=None, name="upload_time")


class Dependency(Struct, frozen=True, rename="kebab"):
    """An edge. version, source: where several packages have the name."""

    name: str
    version: str | None = None
    source: Source | None = None
    extra: tuple[str, ...] = ()
    marker: str | None = None


class Declared(Struct, frozen=True, rename="kebab"):
    """A requirement as the project declared it when it was locked."""

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str = ""
    git: str | None = None
    url: str | None = None
    path: str | None = None
    directory: str | None = None
    editable: str | None = None
    virtual: str | None = None

    @property
    def is_of_index(self) -> bool:
        """Whether the specifier was kept: another source has none."""
        others = (self.git, self.url, self.path, self.directory, self.editable, self.virtual)
        return all(one is None for one in others)


class Metadata(Struct, frozen=True, rename="kebab"):
    """What a member of the workspace declared when it was locked."""

    requires_dist: tuple[Declared, ...] = ()
    requires_dev: dict[str, tuple[Declared, ...]] = {}


class Package(Struct, frozen=True, rename="kebab"):
    """A package. version: missing where the project states it when it is built."""

    name: str
    source: Source
    version: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    optional_dependencies: dict[str, tuple[Dependency, ...]] = {}
    dev_dependencies: dict[str, tuple[Dependency, ...]] = {}
    sdist: File | None = None
    wheels: tuple[File, ...] = ()
    metadata: Metadata | None = None


class ConflictItem(Struct, frozen=True, rename="kebab"):
    """An extra or a group of a package, or the package itself."""

    package: str
    extra: str | None = None
    group: str | None = None

    @property
    def encoded(self) -> str:
        """What stands for it in markers, as the name of an extra."""
        kind, name = ("extra", self.extra) if self.extra is not None else ("group", self.group)
        begin = f"{len(self.package)}-{self.package}"
        return f"project-{begin}" if name is None else f"{kind}-{begin}-{name}"


class Manifest(Struct, frozen=True, rename="kebab"):
    """The workspace. requirements: of a script. dependency_groups: of a workspace whose root is no project."""

    members: tuple[str, ...] = ()
    requirements: tuple[Declared, ...] = ()
    dependency_groups: dict[str, tuple[Declared, ...]] = {}


class UvLock(Struct, frozen=True, rename="kebab"):
    """The file, but for its packages, which are read one by one so that each error has its line."""

    version: int
    revision: int = 0
    requires_python: str | None = None
    supported_markers: tuple[str, ...] = ()
    conflicts: tuple[tuple[ConflictItem, ...], ...] = ()
    manifest: Manifest = Manifest()
    package: list[Any] = []


def parse_top(document: object) -> UvLock:
    """Return the file; raises `msgspec.ValidationError`."""
    return msgspec.convert(document, UvLock)


def parse_package(table: object) -> Package:
    """Return a package; raises `msgspec.ValidationError`."""
    return msgspec.convert(table, Package)
