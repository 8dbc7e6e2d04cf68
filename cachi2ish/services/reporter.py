"""What a command tells while it works, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Listens to a run. Every method may be called from any thread and returns at once."""

    def debug(self, message: str) -> None:
        """Hear a detail for whoever looks for a fault."""
        ...

    def info(self, message: str) -> None:
        """Hear what is being done."""
        ...

    def warning(self, message: str) -> None:
        """Hear what a careful person should look at; the run goes on."""
        ...

    def stage(self, name: str) -> None:
        """Hear that a stage begins: "read", "choose", "transfer", "record"."""
        ...

    def expect(self, files: int, size: int | None) -> None:
        """Hear that so many more files are to come. size: bytes, None where the index does not say."""
        ...

    def advance(self, size: int) -> None:
        """Hear that so many bytes came from the network (negative when a transfer starts again)."""
        ...

    def arrived(self, filename: str, size: int, *, cached: bool) -> None:
        """Hear that a file is here, whole and verified."""
        ...
