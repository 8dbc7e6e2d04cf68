"""What a command reports while it works, and what has happened so far, of which all displays are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import Enum, auto
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from cachi2ish.core.digests import Digest
    from cachi2ish.core.targets.machine import Target
    from cachi2ish.errors import Origin


#: The stages of a run, in their order.
StageName = Literal["read", "choose", "transfer", "record"]


class OutputState(Enum):
    """What a run has done to its output. UNCERTAIN: the new one may have taken the place of the old one."""

    UNTOUCHED = auto()
    UNCERTAIN = auto()
    PUBLISHED = auto()


class PlannedFile(Struct, frozen=True, kw_only=True, gc=False):
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


class Arrival(Struct, frozen=True, kw_only=True, gc=False):
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


class Counts(Struct, frozen=True, kw_only=True):
    """The state of a run at one moment. Sizes in bytes.

    stage: None before the first. expected: files that are known to be wanted; ``final``: no more of
    them will turn up. arrived: those that are here, cached of them from the cache, with a size and a cached_size.
    present: bytes that are here, those of unfinished files included. least: bytes of all that is expected, as far
    as sizes are known. total: the same, None while the size of one of them is not known.
    """

    stage: StageName | None
    expected: int
    final: bool
    arrived: int
    cached: int
    size: int
    cached_size: int
    present: int
    least: int
    total: int | None

    @property
    def fetched(self) -> int:
        """Files from the network."""
        return self.arrived - self.cached

    @property
    def fetched_size(self) -> int:
        """The bytes of `fetched`."""
        return self.size - self.cached_size


class UnderWay(Struct, frozen=True):
    """A file that is on its way, and for how many seconds by now."""

    filename: str
    seconds: float


class Stage(Struct, frozen=True):
    """A stage and how long it took. Transfers begin in "choose", while other pages are still being read."""

    name: StageName
    seconds: float


class Progress:
    """Counts a run. Safe to use from any thread.

    clock: seconds that only grow; all instants are its. run_started: when the run began.
    output_state: set by the one thread that publishes. lists_files: whether anybody will ask for `planned` and
    `arrivals`; where nobody does, files are counted and no more, since each weighs 0.7 kB.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.run_started = clock()
        self.output_state = OutputState.UNTOUCHED
        self.lists_files = True
        self._lock = Lock()
        self._stages: list[tuple[StageName, float]] = []
        self._arrivals: list[Arrival] = []
        self._planned: dict[tuple[str, str], list[PlannedFile]] = {}
        self._under_way: dict[str, float] = {}
        self._expected = self._expected_size = self._unsized = 0
        self._arrived = self._cached = self._size = self._cached_size = self._present = 0
        self._git_fetches = 0

    def stage(self, name: StageName) -> None:
        """Note that a stage begins."""
        with self._lock:
            self._stages.append((name, self._clock()))

    def plan(self, file: PlannedFile) -> None:
        """Note what a file is for, once for each requirement that needs it."""
        with self._lock:
            members = self._planned.setdefault((file.filename, file.url), [])
            if file not in members:
                members.append(file)

    @contextmanager
    def under_way(self, filename: str) -> Iterator[None]:
        """Note that a file is under way while the block runs, whatever becomes of it."""
        with self._lock:
            self._under_way[filename] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._under_way.pop(filename, None)

    def longest_under_way(self, now: float) -> UnderWay | None:
        """Return the file that has been under way for the longest time, None where there is none."""
        with self._lock:
            since, name = min(((since, name) for name, since in self._under_way.items()), default=(now, ""))
        return UnderWay(name, now - since) if name else None

    def resize(self, before: int | None, size: int) -> None:
        """Note the size of a file to come that its server states. before: what was known, None for nothing."""
        with self._lock:
            self._unsized -= before is None
            self._expected_size += size - (before or 0)

    def add_file(self, size: int | None) -> None:
        """Count a file to come. size: None where it is not known."""
        with self._lock:
            self._expected += 1
            self._expected_size += size or 0
            self._unsized += size is None

    def advance(self, size: int) -> None:
        """Count bytes of files from the network; negative for those that no longer count."""
        with self._lock:
            self._present += size

    def arrived(self, arrival: Arrival) -> None:
        """Count a file that is here."""
        with self._lock:
            if self.lists_files:
                self._arrivals.append(arrival)
            self._arrived += 1
            self._size += arrival.size
            if arrival.cached:
                self._cached += 1
                self._cached_size += arrival.size
            # What was here before: of the whole file, or of one that an earlier run has begun.
            self._present += arrival.size - arrival.received
            if not arrival.announced:
                self._unsized -= 1
                self._expected_size += arrival.size

    def git_fetch(self) -> None:
        """Count a run of ``git fetch``."""
        with self._lock:
            self._git_fetches += 1

    @property
    def git_fetches(self) -> int:
        """How often ``git fetch`` was run. What it sends and receives is not known."""
        return self._git_fetches

    def counts(self) -> Counts:
        """Return the state of this moment."""
        with self._lock:
            stage = self._stages[-1][0] if self._stages else None
            return Counts(
                stage=stage,
                expected=self._expected,
                final=stage in {"transfer", "record"},
                arrived=self._arrived,
                cached=self._cached,
                size=self._size,
                cached_size=self._cached_size,
                present=self._present,
                least=self._expected_size,
                total=None if self._unsized else self._expected_size,
            )

    def arrivals(self) -> tuple[Arrival, ...]:
        """Return the files that are here, by name."""
        with self._lock:
            return tuple(sorted(self._arrivals, key=lambda one: (one.filename, one.sha256)))

    def planned(self) -> tuple[tuple[PlannedFile, ...], ...]:
        """Return the files to fetch, by name; of each what all requirements that need it say, in reading order."""
        with self._lock:
            return tuple(tuple(sorted(files, key=_place)) for _, files in sorted(self._planned.items()))

    def stages(self, now: float) -> tuple[Stage, ...]:
        """Return the stages so far; the last one ends ``now``."""
        with self._lock:
            ends = [*(start for _, start in self._stages[1:]), now]
            return tuple(Stage(name, end - start) for (name, start), end in zip(self._stages, ends, strict=False))


def _place(file: PlannedFile) -> tuple[str, int]:
    return file.origin.file, file.origin.line or 0


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

    @property
    def shows_details(self) -> bool:
        """Whether what `debug` is given is seen by anybody: it takes milliseconds to word thousands."""
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
