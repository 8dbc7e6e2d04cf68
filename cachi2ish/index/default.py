"""The index that is asked when nobody names one."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

_PACKAGE, _CONSTANT = "pypi_simple", "PYPI_SIMPLE_ENDPOINT"


def default_index_url() -> str:
    """Return the address of the public index, with a slash at its end: the constant of pypi-simple."""
    return _stated() or _imported()


def _stated() -> str | None:
    # Importing the package takes longer than the rest of a run that finds all in the cache, for one line of it.
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    try:
        module = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError, ValueError):  # a package in a zip file, or compiled
        return None
    for statement in module.body:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        if any(isinstance(one, ast.Name) and one.id == _CONSTANT for one in targets):
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
    return None


def _imported() -> str:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    return PYPI_SIMPLE_ENDPOINT
