"""The index that is asked when nobody names one."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = "pypi_simple"

#: The constant's assignment in the source of the package.
_CONSTANT = re.compile(
    r"""^PYPI_SIMPLE_ENDPOINT(?:\s*:\s*\w+)?\s*=\s*(["'])(https://[^"'\s]+/)\1\s*$""", re.MULTILINE
)


def default_index_url() -> str:
    """Return the address of the public index, with a slash at its end: the constant of pypi-simple."""
    return _in_source() or _imported()


def _in_source() -> str | None:
    # Importing the package takes longer than the rest of a run that finds all in the cache, for one line of it.
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    try:
        source = Path(spec.origin).read_text(encoding="utf-8")
    except (OSError, ValueError):  # a package in a zip file, or compiled
        return None
    found = _CONSTANT.findall(source)
    return found[0][1] if len(found) == 1 else None


def _imported() -> str:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    return PYPI_SIMPLE_ENDPOINT
