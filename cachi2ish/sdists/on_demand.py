"""A reader of archives that is made for the first one: what is remembered of the others needs no reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cachi2ish.sdists.interface import Identity, SdistReader


class OnDemandReader:
    """Implements ``SdistReader`` with one that is made when it is first needed.

    make: returns it; may be called more than once where threads need it at the same moment.
    """

    def __init__(self, make: Callable[[], SdistReader]) -> None:
        self._make = make
        self._reader: SdistReader | None = None

    def identify(self, path: Path, filename: str, subdirectory: str | None = None) -> Identity | None:
        """Return what the archive says it is, as `SdistReader.identify` says."""
        self._reader = self._reader or self._make()
        return self._reader.identify(path, filename, subdirectory)
