"""Versions as Poetry writes them: ``^1.2``, ``~1.2``, ``>=1,<2 || 3.*``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

_PART = re.compile(r"(\^|~=|~|===?|!=|<=|>=|<|>|=)?\s*v?([^\s,<>=!~^]+)")

#: Alternatives, one of which has to hold.
Alternatives = tuple[SpecifierSet, ...]


def alternatives_of(constraint: str) -> Alternatives | None:
    """Return what a constraint means; None where it is of a kind that is not known, so that nothing is known."""
    try:
        return tuple(_all_of(part) for part in re.split(r"\|\|?", constraint))
    except (InvalidSpecifier, InvalidVersion, ValueError):
        return None


def admits(constraint: str, version: str) -> bool:
    """Return whether a version may be the one that is meant; it may, where either cannot be read."""
    alternatives = alternatives_of(constraint)
    try:
        return alternatives is None or any(one.contains(version, prereleases=True) for one in alternatives)
    except InvalidVersion:
        return True


def python_marker(constraint: str) -> str | None:
    """Return the marker that a constraint of Python means; None where it always holds, or cannot be read."""
    alternatives = alternatives_of(constraint)
    texts = [_marker(one) for one in alternatives or ()]
    if not texts or "" in texts:
        return None
    return " or ".join(texts if len(texts) == 1 else (f"({text})" for text in texts))


def _marker(specifiers: SpecifierSet) -> str:
    return " and ".join(
        f'python_full_version {one.operator} "{one.version}"' for one in sorted(specifiers, key=str)
    )


def _all_of(text: str) -> SpecifierSet:
    found: list[str] = []
    for operator, version in _PART.findall(text):
        found += _specifiers(operator, version)
    return SpecifierSet(",".join(found))


def _specifiers(operator: str, version: str) -> Iterable[str]:
    if version == "*" or version.startswith("*."):
        return ()
    if operator in {"^", "~"}:
        release = Version(version).release
        if operator == "~":
            last = min(1, len(release) - 1)
        else:
            last = next((place for place, number in enumerate(release) if number), len(release) - 1)
        after = (*release[:last], release[last] + 1)
        return (f">={version}", f"<{'.'.join(map(str, after))}")
    return (f"{'==' if operator in {'', '='} else operator}{version}",)
