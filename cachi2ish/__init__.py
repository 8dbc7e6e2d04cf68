"""cachi2ish: prefetch what a Python build needs, prove what was fetched, build without a network."""

from importlib.metadata import version

__version__ = version("cachi2ish")
