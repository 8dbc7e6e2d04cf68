"""Environment markers (PEP 508) for machines other than this one.

What is known of a machine is a mapping from marker variables to values. It need not be complete: a marker that
reads a variable of which nothing is known counts as holding, because a file too many does no harm offline and a
file too few breaks the build.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORD = re.compile(r"[a-z_]+")
_OPERATORS = frozenset({"and", "or", "in", "not"})


def holds(marker: str | None, machines: Iterable[Mapping[str, str]]) -> bool:
    """Return whether ``marker`` holds on at least one of ``machines``; no marker always does.

    ``extra`` is empty: what a project asks for only with an extra is written without that in a lock file.
    """
    if marker is None:
        return True
    parsed = Marker(marker)
    read = {word for word in _WORD.findall(_QUOTED.sub("", str(parsed))) if word not in _OPERATORS}
    return any(_holds(parsed, read, {"extra": "", **machine}) for machine in machines)


def _holds(marker: Marker, read: Iterable[str], machine: dict[str, str]) -> bool:
    # Every variable that is read is known, so nothing of the machine that runs this comes in.
    if any(name not in machine for name in read):
        return True
    try:
        return marker.evaluate(machine)
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True
