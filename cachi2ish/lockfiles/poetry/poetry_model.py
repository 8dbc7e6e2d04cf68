"""What stands in ``poetry.lock``, versions 1.1 to 2.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field


class File(Struct, frozen=True):
    """A file by its name, and its hash: ``sha256:…``."""

    file: str
    hash: str


class Source(Struct, frozen=True):
    """Where a package comes from: ``legacy`` (an index), ``git``, ``url``, ``file`` or ``directory``."""

    type: str = ""
    url: str = ""
    reference: str | None = None
    resolved_reference: str | None = None
    subdirectory: str | None = None


class Edge(Struct, frozen=True):
    """A dependency of a package."""

    version: str = "*"
    markers: str | None = None
    extras: tuple[str, ...] = ()
    optional: bool = False


#: A version, a table, or a list of these for several markers.
Edges = str | Edge | tuple[str | Edge, ...]


class Package(Struct, frozen=True, rename="kebab"):
    """A package. groups, markers: since 2.1; a marker for all its groups, or for some of them."""

    name: str
    version: str
    groups: tuple[str, ...] = ()
    markers: str | dict[str, str] | None = None
    files: tuple[File, ...] = ()
    dependencies: dict[str, Edges] = {}
    extras: dict[str, tuple[str, ...]] = {}
    source: Source | None = None


class Metadata(Struct, frozen=True, rename="kebab"):
    """lock_version: of the format. files: of all packages, in 1.1."""

    lock_version: str = ""
    python_versions: str = "*"
    content_hash: str = ""
    files: dict[str, tuple[File, ...]] = {}


class PoetryLock(Struct, frozen=True):
    """The file, but for its packages, which are read one by one so that each error has its line."""

    package: list[Any] = []
    extras: dict[str, tuple[str, ...]] = {}
    metadata: Metadata = field(default_factory=Metadata)


def parse_top(document: object) -> PoetryLock:
    """Return the file; raises `msgspec.ValidationError`."""
    return msgspec.convert(document, PoetryLock)


def parse_package(table: object) -> Package:
    """Return a package; raises `msgspec.ValidationError`."""
    return msgspec.convert(table, Package)


def parse_edges(value: object) -> tuple[Edge, ...]:
    """Return what a dependency may be, of a lock or of a project; raises `msgspec.ValidationError`."""
    return tuple(each_edge(msgspec.convert(value, Edges)))


def each_edge(edges: Edges) -> Iterator[Edge]:
    """Yield the dependencies of one name."""
    for one in edges if isinstance(edges, tuple) else (edges,):
        yield Edge(version=one) if isinstance(one, str) else one


def marker_of(package: Package, group: str) -> str | None:
    """Return where a group needs a package."""
    if isinstance(package.markers, Mapping):
        return package.markers.get(group)
    return package.markers
