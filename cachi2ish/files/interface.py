"""Files outside cache and output, as the services see them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class SourceFiles(Protocol):
    """Files outside cache and output: requirements files to rewrite, and results that a command writes."""

    def read(self, path: Path) -> bytes | None:
        """Return the content, None where there is no such file; raises `StorageError`."""
        ...

    def replace(self, path: Path, content: bytes, like: Path | None = None) -> None:
        """Write a file so that no reader sees half of it; raises `StorageError`.

        like: a file whose mode and owner a new one gets.
        """
        ...

    def append(self, path: Path, content: bytes) -> None:
        """Add lines to the end of a file, which need not be there; raises `StorageError`."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file if it is there; raises `StorageError`."""
        ...
