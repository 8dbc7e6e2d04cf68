"""Bills of materials as the other rooms see them: an inventory becomes text, and several bills become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cachi2ish.core.inventory import Inventory
from cachi2ish.core.modes import SbomKind

#: Returns when the source was committed, aware, or None.
CommitTime = Callable[[], datetime | None]


def no_time() -> datetime | None:
    """Return None: the time of a source that is no checkout."""
    return None


class SbomWriter(Protocol):
    """Writes one format."""

    def pieces(self, inventory: Inventory, committed_at: CommitTime = no_time) -> Iterable[str]:
        """Yield the document: the same bytes for the same inventory, with a final newline.

        One of CycloneDX comes in pieces, so that it need not be in memory; one of SPDX is one piece.
        committed_at: is called where the format must have a time that nothing else says.
        """
        ...


class SbomFile(Struct, frozen=True):
    """A bill to merge. name: its path as the user would type it."""

    name: str
    content: bytes


class MergedSbom(Struct, frozen=True):
    """A merged bill. notes: what had to be left out, one sentence for each file that lost something."""

    text: str
    notes: tuple[str, ...] = ()


class SbomMerger(Protocol):
    """Makes one bill of several, of either format."""

    def merge(self, files: Sequence[SbomFile], kind: SbomKind, name: str | None) -> MergedSbom:
        """Return one bill of ``kind``: the same bytes for the same files in the same order, a final newline.

        name: of the document, None for that of the first file; CycloneDX has none. Raises the errors of all files
        that cannot be read or are no bill, as `InputError` with the file as origin.
        """
        ...
