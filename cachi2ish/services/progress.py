"""What has happened in a run so far: the display, the summary and the report are made of it."""

from __future__ import annotations

from threading import Lock

from msgspec import Struct

from cachi2ish.services.reporter import Arrival, PlannedFile, StageName


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
    """Counts a run. Safe to use from any thread. Instants are seconds of one clock that only grows.

    run_started: when the run began.
    """

    def __init__(self, run_started: float) -> None:
        self.run_started = run_started
        self._lock = Lock()
        self._stages: list[tuple[StageName, float]] = []
        self._arrivals: list[Arrival] = []
        self._planned: dict[tuple[str, str], list[PlannedFile]] = {}
        self._under_way: dict[str, float] = {}
        self._expected = self._expected_size = self._unsized = 0
        self._cached = self._size = self._cached_size = self._present = 0
        self._git_fetches = 0

    def stage(self, name: StageName, now: float) -> None:
        """Note that a stage begins."""
        with self._lock:
            self._stages.append((name, now))

    def plan(self, file: PlannedFile) -> None:
        """Note what a file is for."""
        with self._lock:
            members = self._planned.setdefault((file.filename, file.url), [])
            if file not in members:
                members.append(file)

    def start_file(self, filename: str, now: float) -> None:
        """Note that a file is under way."""
        with self._lock:
            self._under_way[filename] = now

    def end_file(self, filename: str) -> None:
        """Note that it is not any more."""
        with self._lock:
            self._under_way.pop(filename, None)

    def longest_under_way(self, now: float) -> UnderWay | None:
        """Return the file that has been under way for the longest time, None where there is none."""
        with self._lock:
            since, name = min(((since, name) for name, since in self._under_way.items()), default=(now, ""))
        return UnderWay(name, now - since) if name else None

    def resize(self, before: int | None, size: int) -> None:
        """Note the size of a file to come, of which ``before`` was known."""
        with self._lock:
            self._unsized -= before is None
            self._expected_size += size - (before or 0)

    def expect(self, size: int | None) -> None:
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
            self._arrivals.append(arrival)
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
                arrived=len(self._arrivals),
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
