"""The reporter of the command line: stages and counts, as lines in a log or as one calm display."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from cachi2ish.cli.display.console import Console, Level, is_live
from cachi2ish.cli.display.figures import Speed, TimeLeft, readable_size
from cachi2ish.cli.display.progress_line import LiveLine, Moment, log_line, screen_line, sentence
from cachi2ish.http.interface import HostTraffic, Traffic
from cachi2ish.services.progress import Arrival, Counts, Doing, Progress

#: Seconds between two progress lines where there is no terminal.
_PAUSE = 10.0

#: Seconds between two looks at the counts. Nothing is shown from within a transfer, however many pieces it has.
_LOOK = 1.0
_LIVE_LOOK = 0.25

#: Seconds of silence after which a host is named: half of the time after which its requests are given up.
_SILENCE = 30.0


#: Seconds after which a file that is under way is named.
_SLOW_FILE = 10.0

#: Seconds between lines on requests that are repeated; a host that does not answer takes longer.
_RETRIES_APART = 20.0


class ConsoleReporter:
    """Writes lines to a console: each stage, and in long transfers a line now and then.

    clock: seconds that only grow. Something has to call `look` now and then.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lock = Lock()
        self._retried_at: float | None = None
        self.progress = Progress(clock)
        self.traffic: Traffic | None = None
        self._doing: Doing | None = None
        self._speed, self._time_left = Speed(), TimeLeft()
        self._looked = self._reported_at = self.progress.run_started
        self._reported_counts = self.progress.counts()
        self._silent: set[tuple[str, float]] = set()

    def watch(self, traffic: Traffic) -> None:
        """Let the network's own counts be part of the reports."""
        self.traffic = traffic

    @property
    def now(self) -> float:
        """The instant of now, on the clock of `progress`."""
        return self._clock()

    @property
    def hosts(self) -> tuple[HostTraffic, ...]:
        """What has gone over the network by now."""
        return () if self.traffic is None else self.traffic.hosts()

    def finish(self) -> None:
        """End the display: only lines for good follow."""

    @property
    def shows_details(self) -> bool:
        """Whether details are shown."""
        return self._console.level <= Level.DEBUG

    def debug(self, message: str) -> None:
        """Report a detail."""
        self._console.report(Level.DEBUG, message)

    def info(self, message: str) -> None:
        """Report what is being done."""
        self._console.report(Level.INFO, message)

    def warning(self, message: str) -> None:
        """Report a problem that does not end the run."""
        self._console.report(Level.WARNING, message)

    def retry(self, message: str) -> None:
        """Report the first request that has to be repeated, and one now and then; the others are details."""
        now = self._clock()
        with self._lock:
            is_due = self._retried_at is None or now - self._retried_at >= _RETRIES_APART
            if is_due:
                self._retried_at = now
        (self.info if is_due else self.debug)(message)

    def stage(self, doing: Doing) -> None:
        """Report that a stage begins."""
        self._begin(doing)
        self.info(sentence(doing))

    def _begin(self, doing: Doing) -> None:
        self.progress.stage(doing.stage)
        self._doing = doing

    def arrived(self, arrival: Arrival) -> None:
        """Report and count a file that is there."""
        self.progress.arrived(arrival)
        whence = "from the cache" if arrival.cached else "fetched"
        self.debug(f"{arrival.filename}: {readable_size(arrival.size)} {whence}")

    def look(self) -> None:
        """Look at what has happened, and report it if it is time to."""
        now = self._clock()
        if self.traffic is not None:
            if now - self._looked >= _LOOK:
                self._looked = now
                self._speed.observe(now, self.traffic.received)
            self._report_silences(self.traffic)
        self._show(now)

    def _show(self, now: float) -> None:
        counts = self.progress.counts()
        if now - self._reported_at >= _PAUSE:
            self._reported_at = now
            if counts != self._reported_counts:
                self._reported_counts = counts
                self._report_counts(counts, now)

    def _report_counts(self, counts: Counts, now: float) -> None:
        # A dry run counts files that nobody fetches, and before the first one is known there is nothing to count.
        if counts.expected and (self._doing is None or self._doing.files):
            self.info(log_line(self._moment(counts, now)))

    def _moment(self, counts: Counts, now: float) -> Moment:
        known = counts.final and counts.total is not None
        left = self._time_left.estimate(now, (counts.total or 0) - counts.present if known else 0, self._speed)
        longest = self.progress.longest_under_way(now)
        slow = longest if longest is not None and longest.seconds >= _SLOW_FILE else None
        return Moment(counts, self._speed.value, left, self._doing, slow)

    def _report_silences(self, traffic: Traffic) -> None:
        for silence in traffic.silences(_SILENCE):
            if (silence.host, silence.since) not in self._silent:
                self._silent.add((silence.host, silence.since))
                self.info(f"nothing received from {silence.host} for {_SILENCE:.0f} s; still waiting")


class LiveReporter(ConsoleReporter):
    """Keeps one line at the bottom of a terminal up to date."""

    def __init__(self, console: Console, line: LiveLine, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, clock)
        self._line = line

    def stage(self, doing: Doing) -> None:
        """Show that a stage begins."""
        self._begin(doing)
        self._show(self._clock())

    def finish(self) -> None:
        """Take the display away."""
        self._line.close()

    def _show(self, now: float) -> None:
        self._line.show(screen_line(self._moment(self.progress.counts(), now), self._line.width))


@contextmanager
def reporter_for(console: Console) -> Iterator[ConsoleReporter]:
    """Return the reporter that fits standard error: a live display on a terminal, lines elsewhere."""
    if console.level > Level.INFO:
        yield ConsoleReporter(console)
    elif console.level == Level.INFO and is_live(sys.stderr):
        line = LiveLine(sys.stderr)
        with console.through(line.write_line):
            live = LiveReporter(console, line)
            try:
                with _looking_regularly(live, _LIVE_LOOK):
                    yield live
            finally:
                line.close()
    else:
        with _looking_regularly(reporter := ConsoleReporter(console), _LOOK):
            yield reporter


class _LogHandler(logging.Handler):
    """Passes on what is logged to a reporter."""

    def __init__(self, reporter: ConsoleReporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.warning(record.getMessage())


@contextmanager
def log_messages_to(reporter: ConsoleReporter) -> Iterator[None]:
    """Let ``reporter`` have the warnings that libraries log, GitPython's of what a server says among them.

    Python would write them to standard error as they are.
    """
    before, logging.lastResort = logging.lastResort, _LogHandler(reporter)
    try:
        yield
    finally:
        logging.lastResort = before


@contextmanager
def _looking_regularly(reporter: ConsoleReporter, pause: float) -> Iterator[None]:
    end = Event()

    def look() -> None:
        while not end.wait(pause):
            reporter.look()

    thread = Thread(target=look, name="display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
