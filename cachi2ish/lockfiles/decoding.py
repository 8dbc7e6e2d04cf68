"""From the bytes of a requirements file to text, as pip reads them: byte-order mark, coding line, UTF-8."""

from __future__ import annotations

import codecs
import re

from cachi2ish.errors import InputError, LockFileError, Origin
from cachi2ish.lockfiles.interface import Decoded

#: The order matters: the mark of UTF-16 begins the mark of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)

_CODING_LINE = re.compile(rb"coding[:=]\s*([-\w.]+)")  # PEP 263, as pip searches for it

#: In how many lines at the top a coding line counts (PEP 263).
_CODING_LINES = 2


def decode(content: bytes, file: str) -> Decoded:
    """Return the text of ``content``; raises `LockFileError` where it is no text.

    Where nothing tells the encoding it is UTF-8. (pip then tries the locale's; a lock file that means
    something else on another machine is refused here.)
    """
    encoding, line = _encoding(content)
    origin = Origin(file, line)
    try:
        text = content.decode(encoding)
        faithful = text.encode(encoding) == content
    except LookupError:
        raise LockFileError(
            f"{encoding!r} is not a text encoding that Python knows",
            hint="correct the coding line (PEP 263), or save the file as UTF-8 without one",
            origin=origin,
        ) from None
    except ValueError as error:
        raise LockFileError(
            f"the file is not {encoding} text: {_fault(error)}",
            hint="save the file as UTF-8, or state its encoding in the first line: # -*- coding: latin-1 -*-",
            origin=origin,
        ) from None
    if "\0" in text:
        raise LockFileError(
            "the file holds a NUL character, so it is no requirements file",
            hint="if it is UTF-16 text, save it as UTF-8",
            origin=Origin(file, text.count("\n", 0, text.index("\0")) + 1),
        )
    if not faithful:
        raise LockFileError(
            f"the file is not written the way {encoding} is usually written, so it could not be kept as it is",
            hint="save the file as UTF-8",
            origin=origin,
        )
    return Decoded(text, encoding)


def encode(text: str, encoding: str) -> bytes:
    """Return the bytes of ``text``; raises `InputError` where the encoding has no room for a character."""
    try:
        return text.encode(encoding)
    except (LookupError, ValueError) as error:
        raise InputError(
            f"the rewritten file cannot be stored as {encoding}: {_fault(error)}",
            hint="save the requirements file as UTF-8, or use an output directory with a plain ASCII path",
        ) from None


def _encoding(content: bytes) -> tuple[str, int | None]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, None
    for number, line in enumerate(content.split(b"\n", _CODING_LINES)[:_CODING_LINES], start=1):
        stated = _CODING_LINE.search(line) if line.startswith(b"#") else None
        if stated:
            return stated.group(1).decode("ascii"), number
    return "utf-8", None


def _fault(error: Exception) -> str:
    reason = getattr(error, "reason", None) or type(error).__name__
    start = getattr(error, "start", None)
    return str(reason) if start is None else f"{reason} at position {start}"
