"""What a command reports while it works, whatever front end shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from cachi2ish.core.digests import Digest
    from cachi2ish.core.targets.machine import Target
    from cachi2ish.errors import Origin

#: The stages of a run, in their order.
StageName = Literal["read", "choose", "transfer", "record"]


class Doing(Struct, frozen=True):
    """What a run is doing.

    local: only the cache is asked. files: whether files are fetched as well as index pages (not in a dry run).
    """

    stage: StageName
    local: bool = False
    files: bool = True


class PlannedFile(Struct, frozen=True, kw_only=True):
    """A file that is to be fetched, for one requirement; several may need the same.

    url: redacted; of a git requirement the repository. host: as in `Arrival`. name: the project's, normalised.
    version: as pinned, None for a requirement with an address. origin: the line of the lock file.
    targets: the machines that it is for, where there are any. size: bytes as the index states them.
    digests: as the index states them, or the lock file. commit: of a git requirement.
    """

    filename: str
    url: str
    host: str
    name: str
    origin: Origin
    version: str | None = None
    targets: tuple[Target, ...] = ()
    size: int | None = None
    digests: tuple[Digest, ...] = ()
    upload_time: datetime | None = None
    index: str | None = None
    commit: str | None = None


class Arrival(Struct, frozen=True, kw_only=True):
    """A file that is here, whole and verified.

    size: bytes, of which ``received`` came from the network just now: none of a file that was in the cache, not
    all of one that an earlier run had begun; of a git archive it is not known, and stands as none.
    announced: whether the size was known before the file was whole. url: as in `PlannedFile`.
    host: where it comes from, with its port where that is not the scheme's own.
    index: the address of the index that lists it, redacted, or None for a direct requirement.
    """

    filename: str
    size: int
    sha256: str
    cached: bool
    received: int
    announced: bool
    host: str
    url: str = ""
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

    def plan(self, file: PlannedFile) -> None:
        """Note what a file is for, once for each requirement that needs it."""
        ...

    def start_file(self, filename: str) -> None:
        """Note that a file is under way."""
        ...

    def end_file(self, filename: str) -> None:
        """Note that it is not any more, whatever has become of it."""
        ...

    def expect(self, size: int | None) -> None:
        """Count a file to come. size: bytes, None where the index does not state it."""
        ...

    def resize(self, before: int | None, size: int) -> None:
        """Note the size of a file to come that its server states. before: what was known, None for nothing."""
        ...

    def advance(self, size: int) -> None:
        """Count bytes from the network; negative when a transfer starts again."""
        ...

    def arrived(self, arrival: Arrival) -> None:
        """Count a file that is here, whole and verified."""
        ...


@contextmanager
def under_way(filename: str, reporter: Reporter) -> Iterator[None]:
    """Let ``reporter`` know that a file is under way while the block runs."""
    reporter.start_file(filename)
    try:
        yield
    finally:
        reporter.end_file(filename)
