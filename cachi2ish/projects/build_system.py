"""What a project is built with: the ``build-system`` table of ``pyproject.toml`` (PEP 518).

Only the lines of that table are parsed: the rest of the file does not matter here, and 100 kB can be made so that
the standard library needs minutes for them.
"""

from __future__ import annotations

import re
import tomllib
from itertools import islice

#: What installers take where no table says anything (PEP 518).
IMPLICIT = ("setuptools>=40.8.0",)

#: Characters of the table: many more than any project needs.
_LONGEST_TABLE = 8192

#: Requirements that are read of one table, and the characters of each.
_MOST_REQUIREMENTS = 100
_LONGEST_REQUIREMENT = 300

_HEADER = re.compile(r"""^[ \t]*\[[ \t]*(["']?)build-system\1[ \t]*\][ \t]*(?:#[^\n]*)?\r?$""", re.MULTILINE)
_NEXT_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


def build_requires(pyproject: bytes | None) -> tuple[str, ...]:
    """Return what a project declares to be built with, as it is written.

    pyproject: the file, None where there is none. Empty where nothing can be told: whoever builds it will be.
    """
    if pyproject is None:
        return IMPLICIT
    text = pyproject.decode("utf-8", "replace")
    header = _HEADER.search(text)
    if header is None:  # a table that is written in another way is not looked for
        return () if "build-system" in text else IMPLICIT
    end = _NEXT_HEADER.search(text, header.end())
    table = text[header.end() : end.start() if end else len(text)]
    if len(table) > _LONGEST_TABLE:
        return ()
    try:
        declared = tomllib.loads(table.replace("\r\n", "\n")).get("requires")
    except (ValueError, RecursionError):
        return ()
    listed = declared if isinstance(declared, list) else ()
    texts = (" ".join(one.split()) for one in listed if isinstance(one, str))
    return tuple(islice((one for one in texts if 0 < len(one) <= _LONGEST_REQUIREMENT), _MOST_REQUIREMENTS))


def declares_build_system(pyproject: bytes) -> bool:
    """Return whether the file has such a table: without one, it may hold no more than the settings of tools."""
    return b"build-system" in pyproject
