"""The index that is asked when nobody names one."""

from __future__ import annotations


def default_index_url() -> str:
    """Return the address of the public index, with a slash at its end: the constant of pypi-simple."""
    # Imported here: it takes half a second, and most runs with an index of their own never need it.
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    return PYPI_SIMPLE_ENDPOINT
