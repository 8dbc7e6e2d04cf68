"""A reader of archives for runs that may need none: all that it takes to open one is imported when it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cachi2ish.core.lazy import Once
from cachi2ish.sdists.interface import Identity, SdistReader


class OnDemandReader:
    """Implements ``SdistReader`` with one that is made when it is first needed.

    make: returns it, and is called once; safe for threads as far as what it returns is.
    """

    def __init__(self, make: Callable[[], SdistReader]) -> None:
        self._reader = Once(make)

    def identify(self, path: Path, filename: str, subdirectory: str | None = None) -> Identity | None:
        """Return what the archive says it is, as `SdistReader.identify` says."""
        return self._reader().identify(path, filename, subdirectory)
