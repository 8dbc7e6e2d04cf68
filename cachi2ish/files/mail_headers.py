"""Headers as in mail (RFC 5322), which core metadata are made of.

They are those that ``email`` of the standard library reads, found in a tenth of its time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME = re.compile(r"[!-9;-~]*")

#: What ends the headers, where it is not two newlines; what stands behind may be a book.
_BLANK_LINE = re.compile(r"\r?\n\r?\n|\r\r")


class Headers:
    """The headers of a text. Of values, all white space is a space, as far as it is not at their ends."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, list[list[str]]]) -> None:
        self._values = values

    def first(self, name: str) -> str | None:
        """Return the first value under a ``name`` in lower case; None where there is none."""
        values = self._values.get(name)
        return _folded(values[0]) if values else None

    def all(self, name: str) -> Sequence[str]:
        """Return all values under a ``name`` in lower case."""
        return [_folded(lines) for lines in self._values.get(name, ())]


def _folded(lines: list[str]) -> str:
    """Return a value that may be on several lines as one."""
    return " ".join("\n".join(lines).split())


def read_headers(content: bytes) -> Headers:
    """Return the headers that a text begins with.

    Every encoding is read: old files are not always UTF-8, and what is decided by is ASCII anyway.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    text = text.partition("\n\n")[0]
    if "\r" in text:
        text = _BLANK_LINE.split(text, maxsplit=1)[0].replace("\r\n", "\n").replace("\r", "\n")
    values: dict[str, list[list[str]]] = {}
    value: list[str] = []  # the lines of what was read last
    for line in text.split("\n"):
        if line.startswith((" ", "\t")):
            value.append(line)
            continue
        name, colon, rest = line.partition(":")
        if colon and _NAME.fullmatch(name):
            value = [rest]
            if name:
                values.setdefault(name.lower(), []).append(value)
        elif line.startswith("From "):  # so each text of a mailbox begins
            value = []
        else:
            break
    return Headers(values)
