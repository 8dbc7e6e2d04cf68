"""What a command reports while it works, whatever front end shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

#: The stages of a run, in their order.
StageName = Literal["read", "choose", "transfer", "record"]


@dataclass(frozen=True, slots=True)
class Doing:
    """What a run is doing.

    local: only the cache is asked. files: whether files are fetched as well as index pages (not in a dry run).
    """

    stage: StageName
    local: bool = False
    files: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file that is here, whole and verified.

    size: bytes, of which ``received`` came from the network just now: none of a file that was in the cache, not
    all of one that an earlier run had begun; of a git archive it is not known, and stands as none. announced:
    whether the size was known beforehand. host: where it comes from, with its port where that is not the scheme's
    own. index: the address of the index that lists it, redacted, or None for a direct requirement.
    """

    filename: str
    size: int
    sha256: str
    cached: bool
    received: int
    announced: bool
    host: str
    index: str | None = None


class Reporter(Protocol):
    """Shows or counts what happens in a run. Every method may be called from any thread and returns at once."""

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

    def expect(self, size: int | None) -> None:
        """Count a file to come. size: bytes, None where the index does not state it."""
        ...

    def advance(self, size: int) -> None:
        """Count bytes from the network; negative when a transfer starts again."""
        ...

    def arrived(self, arrival: Arrival) -> None:
        """Count a file that is here, whole and verified."""
        ...
