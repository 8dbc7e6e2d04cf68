"""What stands in ``Pipfile.lock``, ``pipfile-spec`` 6."""

from __future__ import annotations

from msgspec import Struct, field


class Index(Struct, frozen=True):
    """An index. Its address may have variables."""

    url: str
    name: str = ""


class Meta(Struct, frozen=True, rename="kebab"):
    """hash: of the Pipfile. requires: the Python that the lock was made for."""

    pipfile_spec: int = 0
    hash: dict[str, str] = {}
    requires: dict[str, str] = {}
    sources: tuple[Index, ...] = ()


class Package(Struct, frozen=True):
    """A package of a section."""

    version: str | None = None
    hashes: tuple[str, ...] = ()
    index: str | None = None
    markers: str | None = None
    git: str | None = None
    ref: str | None = None
    file: str | None = None
    path: str | None = None
    subdirectory: str | None = None
    editable: bool = False


class Top(Struct, frozen=True):
    """The file, but for its sections."""

    meta: Meta = field(name="_meta")
