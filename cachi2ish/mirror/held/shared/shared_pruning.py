"""Removes files from the shared store, as from a disk."""

from __future__ import annotations

from collections.abc import Mapping

from cachi2ish.core.cache_contents import Entry, EntryKind
from cachi2ish.mirror.held.freeing import sha256_of
from cachi2ish.mirror.held.interface import SharedFiles


class SharedPruning:
    """Implements `cachi2ish.cache.interface.Pruning`.

    When a file was used is not known there: only when it was put. pretend: look, and remove nothing.
    """

    def __init__(self, files: SharedFiles, *, pretend: bool) -> None:
        self._files = files
        self._pretend = pretend
        self._entries = tuple(
            Entry(EntryKind.FILE, f"sha256/{one.sha256[:2]}/{one.sha256}", one.size, one.changed_at)
            for one in files.all()
        )

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files, as they were when pruning began."""
        return self._entries

    def remove(self, entry: Entry) -> bool:
        """Remove a file; return True. Raises `SharedStoreError`."""
        if not self._pretend:
            self._files.remove(sha256_of(entry))
        return True

    def remove_dangling_links(self) -> int:
        """Return 0: there are none."""
        return 0

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Return nothing: the history knows them."""
        return {}

    def other_size(self) -> int:
        """Return 0: there is nothing but files."""
        return 0
