"""The pins of a requirements file, for scripts that import nothing that they do not need."""

from __future__ import annotations

import re

_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==\S+(?P<rest>(?:[^\n]*\\\n)*[^\n]*)")


def pins_in(requirements: str) -> dict[str, frozenset[str]]:
    """Return the sha256 digests that a requirements file pins, by project."""
    return {
        found["name"]: frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", found["rest"]))
        for found in _LINE.finditer(requirements)
    }
