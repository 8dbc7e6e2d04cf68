"""Core metadata: what a PKG-INFO or METADATA file says (core metadata specifications)."""

from __future__ import annotations

from itertools import islice

from cachi2ish.files.mail_headers import Headers, read_headers
from cachi2ish.sdists.interface import CoreMetadata, Identity

#: What setuptools wrote for a project that did not say its name.
_UNNAMED = "UNKNOWN"

#: Dependencies with extras that are read of one file, and the characters of each: many more than projects have.
_MOST_DEPENDENCIES = 200
_LONGEST_DEPENDENCY = 300


def parse_core_metadata(content: bytes) -> Identity | None:
    """Return what the metadata says, or None where it names no project. Every version of the format is read."""
    headers = read_headers(content)
    name = headers.first("name")
    if not name or name == _UNNAMED:
        return None
    return Identity(name, headers.first("version") or None, tuple(_extra_dependencies(headers)))


def read_core_metadata(content: bytes) -> CoreMetadata | None:
    """Return what installers decide by, or None where the metadata names no project."""
    headers = read_headers(content)
    name = headers.first("name")
    if not name:
        return None
    return CoreMetadata(
        format_version=headers.first("metadata-version") or "",
        name=name,
        version=headers.first("version") or None,
        requires_dist=_all_of(headers, "requires-dist"),
        requires_python=headers.first("requires-python") or None,
        provides_extra=_all_of(headers, "provides-extra"),
        dynamic=frozenset(text.lower() for text in _all_of(headers, "dynamic")),
    )


def _all_of(headers: Headers, name: str) -> tuple[str, ...]:
    return tuple(filter(None, headers.all(name)))


def _extra_dependencies(headers: Headers) -> list[str]:
    declared = headers.all("requires-dist")
    found = (one for one in declared if "[" in one.partition(";")[0] and len(one) <= _LONGEST_DEPENDENCY)
    return list(islice(found, _MOST_DEPENDENCIES))
