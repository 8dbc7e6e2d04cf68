"""Core metadata: what a PKG-INFO or METADATA file says (core metadata specifications)."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.message import Message
from email.parser import HeaderParser
from itertools import islice

from cachi2ish.sdists.interface import CoreMetadata, Identity

#: What ends the headers; the description behind it may be a book.
_BODY = re.compile(r"\r?\n\r?\n|\r\r")

#: What setuptools wrote for a project that did not say its name.
_UNNAMED = "UNKNOWN"

#: Dependencies with extras that are read of one file, and the characters of each: many more than projects have.
_MOST_DEPENDENCIES = 200
_LONGEST_DEPENDENCY = 300


def parse_core_metadata(content: bytes) -> Identity | None:
    """Return what the metadata says, or None where it names no project.

    Every version of the format is read, and every encoding: old files are not always UTF-8, and name and
    version are ASCII anyway.
    """
    headers = _headers(content)
    if headers is None:
        return None
    name = _single_line(headers.get("Name"))
    if name is None or name == _UNNAMED:
        return None
    return Identity(name, _single_line(headers.get("Version")), tuple(_extra_dependencies(headers)))


def read_core_metadata(content: bytes) -> CoreMetadata | None:
    """Return what installers decide by, or None where the metadata names no project."""
    headers = _headers(content)
    name = None if headers is None else _single_line(headers.get("Name"))
    if headers is None or name is None:
        return None
    return CoreMetadata(
        format_version=_single_line(headers.get("Metadata-Version")) or "",
        name=name,
        version=_single_line(headers.get("Version")),
        requires_dist=_all_of(headers, "Requires-Dist"),
        requires_python=_single_line(headers.get("Requires-Python")),
        provides_extra=_all_of(headers, "Provides-Extra"),
        dynamic=frozenset(text.lower() for text in _all_of(headers, "Dynamic")),
    )


def _headers(content: bytes) -> Message | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        return HeaderParser().parsestr(_BODY.split(text, maxsplit=1)[0])
    except (MessageError, ValueError):
        return None


def _all_of(headers: Message, name: str) -> tuple[str, ...]:
    return tuple(text for value in headers.get_all(name, ()) if (text := _single_line(value)))


def _extra_dependencies(headers: Message) -> list[str]:
    declared = (" ".join(str(value).split()) for value in headers.get_all("Requires-Dist", ()))
    found = (one for one in declared if "[" in one.partition(";")[0] and len(one) <= _LONGEST_DEPENDENCY)
    return list(islice(found, _MOST_DEPENDENCIES))


def _single_line(value: object) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or None
