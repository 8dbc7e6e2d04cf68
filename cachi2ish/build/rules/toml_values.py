"""Values of ``pyproject.toml``, which may be of any type: what is of another one is taken for nothing."""

from __future__ import annotations

from typing import Any


def table(value: object, *keys: str) -> dict[str, Any]:
    """Return the table at ``keys`` below ``value``, empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def texts(value: object) -> list[str]:
    """Return the texts of an array."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []
