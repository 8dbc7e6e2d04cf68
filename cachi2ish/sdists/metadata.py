"""Core metadata: name and version in a PKG-INFO or METADATA file (core metadata specifications)."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.parser import HeaderParser

from cachi2ish.sdists.interface import Identity

#: What ends the headers; the description behind it may be a book.
_BODY = re.compile(r"\r?\n\r?\n|\r\r")

#: What setuptools wrote for a project that did not say its name.
_UNNAMED = "UNKNOWN"


def parse_core_metadata(content: bytes) -> Identity | None:
    """Return what the metadata says, or None where it names no project.

    Every version of the format is read, and every encoding: old files are not always UTF-8, and name and
    version are ASCII anyway.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        headers = HeaderParser().parsestr(_BODY.split(text, maxsplit=1)[0])
    except (MessageError, ValueError):
        return None
    name = _single_line(headers.get("Name"))
    if name is None or name == _UNNAMED:
        return None
    return Identity(name, _single_line(headers.get("Version")))


def _single_line(value: object) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or None
