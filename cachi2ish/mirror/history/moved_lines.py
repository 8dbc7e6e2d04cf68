"""The lines of a history that moves to another mirror."""

from __future__ import annotations

from msgspec import Struct


class MovedHead(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line. url: of the registry."""

    format: str
    url: str


class MovedState(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A state of a file, see the table."""

    seen_from: int
    listed: bool
    upload_time: int | None
    size: int | None
    requires_python: str | None
    yanked: str | None
    metadata: str | None
    provenance: str | None


class MovedProjectState(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A state of a project, see the table."""

    seen_from: int
    exists: bool
    status: str
    reason: str
    versions: bool


class MovedFile(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A file, see the table. key: as hexadecimal digits."""

    filename: str
    version: str | None
    key: str
    hashes: str | None
    site: str
    path: str
    first_seen: int
    available: int | None
    states: tuple[MovedState, ...]


class MovedGeneration(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A generation, see the table."""

    number: int
    since: int | None
    first_seen: int
    first_available: int | None
    states: tuple[MovedProjectState, ...]
    files: tuple[MovedFile, ...]


class MovedLook(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Looks that saw the same, see the table. digest: as hexadecimal digits."""

    first_at: int
    last_at: int
    looks: int
    missing: bool
    serial: int | None
    etag: str | None
    digest: str | None


class MovedProject(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A project, see the table."""

    name: str
    followed: bool
    closed_until: int | None
    looks: tuple[MovedLook, ...]
    generations: tuple[MovedGeneration, ...]


class MovedTail(Struct, frozen=True, forbid_unknown_fields=True):
    """The last line. sha256: of all lines before. signature: of that, as hexadecimal digits."""

    sha256: str
    signature: str | None = None
