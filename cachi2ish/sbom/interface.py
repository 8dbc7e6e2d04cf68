"""Bills of materials as the other rooms see them: an inventory becomes text."""

from __future__ import annotations

from typing import Protocol

from cachi2ish.core.inventory import Inventory


class SbomWriter(Protocol):
    """Writes one format."""

    def render(self, inventory: Inventory) -> str:
        """Return the document: the same bytes for the same inventory, with a final newline."""
        ...
