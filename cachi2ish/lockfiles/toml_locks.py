"""Lock files in TOML: their text, and the lines on which their packages begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cachi2ish.errors import LockFileError, Origin
from cachi2ish.files.toml_text import read_toml

#: What helps against a file that is no lock any more.
RESTORE = "restore it from version control, or lock again"

_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")


def parse_toml(content: bytes, file: str) -> tuple[str, dict[str, Any]]:
    """Return the text and the document; raises `LockFileError` with the line that is wrong."""
    text = decode(content, file)
    try:
        return text, read_toml(text)
    except ValueError as error:  # TOMLDecodeError, and a number that Python does not read
        found = _LINE.search(str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        where = f", in column {found[2]}" if found else ""
        reason = _LINE.sub("", str(error)).strip().removesuffix(" (at end of document)")
        problem = f"it is no TOML{where}: {reason}"
        raise LockFileError(problem, hint=RESTORE, origin=Origin(file, line)) from None
    except RecursionError:
        raise LockFileError("it is nested too deeply", hint=RESTORE, origin=Origin(file)) from None


def decode(content: bytes, file: str) -> str:
    """Return the text of a file; raises `LockFileError` with the line that is no UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LockFileError(
            f"the file is not UTF-8 text: {error.reason}", hint=RESTORE, origin=Origin(file, line)
        ) from None


def lines_of(text: str, table: str, count: int) -> Sequence[int | None]:
    """Return where each of ``count`` tables of an array begins; None where they are not under ``[[table]]``."""
    header = re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(table)}[ \t]*\]\]", re.MULTILINE)
    found: list[int | None] = []
    line, seen = 1, 0
    for match in header.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        found.append(line)
    return found if len(found) == count else [None] * count
