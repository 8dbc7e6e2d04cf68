"""The reporter of the command line: stages and counts, as lines in a log or as one calm display."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from cachi2ish.cli.console import Console, Level, is_live

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Seconds between two progress lines where there is no terminal.
_PAUSE = 10.0

#: Sizes are told in powers of this (SI).
_KILO = 1000

_STAGES = {
    "read": "reading requirements files",
    "choose": "reading index pages, and fetching files",
    "transfer": "fetching the remaining files",
    "record": "writing the output",
}


@dataclass
class Counts:
    """What has happened so far. Sizes in bytes; expected_size counts files whose size is known beforehand."""

    expected: int = 0
    expected_size: int = 0
    arrived: int = 0
    cached: int = 0
    size: int = 0
    received: int = 0


class ConsoleReporter:
    """Tells lines to a console: each stage, and in long transfers a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._told = time.monotonic()
        self._retried = False
        self.counts = Counts()

    def debug(self, message: str) -> None:
        """Tell a detail."""
        self._console.say(Level.DEBUG, message)

    def info(self, message: str) -> None:
        """Tell what is being done."""
        self._console.say(Level.INFO, message)

    def warning(self, message: str) -> None:
        """Tell what to look at."""
        self._console.say(Level.WARNING, message)

    def retry(self, message: str) -> None:
        """Tell of the first request that has to be repeated; the others are details."""
        with self._lock:
            first, self._retried = not self._retried, True
        (self.info if first else self.debug)(message)

    def stage(self, name: str) -> None:
        """Tell that a stage begins."""
        self.info(_STAGES[name])

    def expect(self, files: int, size: int | None) -> None:
        """Count files to come."""
        with self._lock:
            self.counts.expected += files
            self.counts.expected_size += size or 0
        self._show()

    def advance(self, size: int) -> None:
        """Count bytes from the network."""
        with self._lock:
            self.counts.received += size
        self._show()

    def arrived(self, filename: str, size: int, *, cached: bool) -> None:
        """Count a file that is there."""
        with self._lock:
            self.counts.arrived += 1
            self.counts.cached += cached
            self.counts.size += size
        self.debug(f"{filename}: {readable_size(size)} {'from the cache' if cached else 'fetched'}")
        self._show()

    def _show(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._told < _PAUSE:
                return
            self._told = now
        counts = self.counts
        self.info(f"{counts.arrived} of {counts.expected} files, {readable_size(counts.received)} fetched")


class LiveReporter(ConsoleReporter):
    """Keeps one line at the bottom of a terminal up to date."""

    def __init__(self, console: Console, progress: Progress, task: TaskID) -> None:
        super().__init__(console)
        self._progress = progress
        self._task = task

    def stage(self, name: str) -> None:
        """Show which stage it is."""
        self._progress.update(self._task, description=_STAGES[name])

    def _show(self) -> None:
        counts = self.counts
        self._progress.update(
            self._task,
            completed=counts.arrived,
            total=counts.expected or None,
            received=readable_size(counts.received),
        )


@contextmanager
def reporter_for(console: Console) -> Iterator[ConsoleReporter]:
    """Return the reporter that fits standard error: a live display on a terminal, lines elsewhere."""
    if not is_live(sys.stderr) or console.level != Level.INFO:
        yield ConsoleReporter(console)
        return
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[received]}"),
        TimeElapsedColumn(),
    )
    screen = RichConsole(stderr=True)

    def write(line: str) -> None:
        # Through rich, which moves the display out of the way; soft wrapping leaves it one line to copy.
        screen.print(Text.from_ansi(line), soft_wrap=True)

    with Progress(*columns, console=screen, transient=True) as progress, console.through(write):
        task = progress.add_task(_STAGES["read"], total=None, received="")
        yield LiveReporter(console, progress, task)


def readable_size(size: int) -> str:
    """Return a number of bytes for people, in powers of 1000 (SI)."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if abs(amount) < _KILO:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KILO
    return f"{amount:.2f} GB"
