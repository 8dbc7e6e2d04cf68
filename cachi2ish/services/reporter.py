"""What a command reports while it works, whatever front end shows it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from cachi2ish.services.progress import Arrival, Progress, StageName


class Doing(Struct, frozen=True):
    """What a run is doing.

    local: only the cache is asked. files: whether files are fetched as well as index pages (not in a dry run).
    """

    stage: StageName
    local: bool = False
    files: bool = True


class Reporter(Protocol):
    """Shows what happens in a run. Every method may be called from any thread and returns at once.

    progress: the counts of the run, which are shown now and then.
    """

    @property
    def progress(self) -> Progress:
        """The counts."""
        ...

    def debug(self, message: str) -> None:
        """Report a detail, for debugging."""
        ...

    def info(self, message: str) -> None:
        """Report what is being done."""
        ...

    def warning(self, message: str) -> None:
        """Report a problem that does not end the run."""
        ...

    def stage(self, doing: Doing) -> None:
        """Report that a stage begins."""
        ...

    def arrived(self, arrival: Arrival) -> None:
        """Report and count a file that is here, whole and verified."""
        ...
