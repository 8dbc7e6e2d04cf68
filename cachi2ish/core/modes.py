"""Strict and permissive (``docs/reference/modes.md``)."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How problems are treated that make a record less certain, and no result wrong."""

    STRICT = "strict"
    PERMISSIVE = "permissive"
