"""Dependency specifiers and markers (PEP 508) in texts of others, read by packaging, whose parser calls itself."""

from __future__ import annotations

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement

#: Parentheses within each other: many times what tools write, and far from what Python's stack holds.
_DEEPEST = 50


def read_requirement(text: str) -> Requirement:
    """Return what ``text`` states; raises `InvalidRequirement` for what is none, or is nested too deeply."""
    if _is_deep(text):
        raise InvalidRequirement("it has parentheses within each other without end")
    return Requirement(text)


def read_marker(text: str) -> Marker:
    """Return what ``text`` states; raises `InvalidMarker` for what is none, or is nested too deeply."""
    if _is_deep(text):
        raise InvalidMarker("it has parentheses within each other without end")
    return Marker(text)


def _is_deep(text: str) -> bool:
    if text.count("(") <= _DEEPEST:
        return False
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth > _DEEPEST:
            return True
    return False
