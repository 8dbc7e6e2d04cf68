"""The end of a run, however it comes: a summary for people, and ``--report`` for machines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IFDIR, S_IFREG
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish import __version__
from cachi2ish.cli.display.console import Terminated, write_result
from cachi2ish.cli.display.figures import counted, readable_seconds, readable_size
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.core.messages import escaped_json
from cachi2ish.errors import Cachi2ishError, InputError, StorageError, exit_code_of
from cachi2ish.exit_codes import ExitCode
from cachi2ish.files.foreign import names_a_stream
from cachi2ish.files.interface import ResultKind
from cachi2ish.files.user_files import kind_of
from cachi2ish.http.interface import HostTraffic
from cachi2ish.services.progress import Counts

if TYPE_CHECKING:
    from cachi2ish.files.interface import SourceFiles
    from cachi2ish.services.report import Ending

#: Stands for standard output, as in other tools.
STANDARD_OUTPUT = Path("-")


#: What every report begins with, as `cachi2ish.services.report.Report` writes it.
_BEGINNING = b'{\n  "version": '

REPORT = ResultKind("report", lambda beginning: beginning.startswith(_BEGINNING))


class RunReport(Struct, frozen=True, kw_only=True):
    """Where and of what a report is to be made. place: a file, or None for no report."""

    place: Path | None
    files: SourceFiles
    reporter: ConsoleReporter
    output: Path
    dry_run: bool

    def begin(self) -> None:
        """Take the place, before any work is done: an earlier run's report is not to be taken for this one's.

        Raises `StorageError` where it cannot be written, `InputError` where it would become part of the output.
        """
        if self.place is None:
            self.reporter.progress.lists_files = False
            return
        if self.place == STANDARD_OUTPUT:
            return
        if Path(os.path.realpath(self.place)).is_relative_to(os.path.realpath(self.output)):
            raise InputError(
                f"the report {self.place} would be inside the output directory {self.output}",
                hint="give it a place elsewhere: the output is the same at each run, and the report is not",
            )
        if not _is_stream(self.place):
            self._write("unfinished", None)

    def end(self, outcome: Ending, exit_code: ExitCode, error: Cachi2ishError | None = None) -> None:
        """Write the report; raises `StorageError`."""
        if self.place is not None:
            self._write(outcome, exit_code, error)

    def _write(self, outcome: Ending, exit_code: ExitCode | None, error: Cachi2ishError | None = None) -> None:
        from cachi2ish.cli.display.hints import hint_of
        from cachi2ish.services.report import make_report

        report = make_report(
            self.reporter.progress,
            self.reporter.hosts,
            self.reporter.now,
            tool_version=__version__,
            dry_run=self.dry_run,
            outcome=outcome,
            exit_code=exit_code,
            error=error,
            hint_of=hint_of,
        )
        text = escaped_json(report.render())  # /dev/stderr is a terminal too
        if self.place == STANDARD_OUTPUT:
            write_result(text)
        elif self.place is not None:
            self.files.write_result(self.place, text.encode(), REPORT)


def _is_stream(path: Path) -> bool:
    """Return whether what is written to ``path`` goes to a reader, for whom nothing can be written twice."""
    # A path that cannot be looked at is none: writing tells why.
    return names_a_stream(path) or kind_of(path) not in {0, S_IFREG, S_IFDIR}


@contextmanager
def report_at_end(report: RunReport) -> Iterator[None]:
    """Report, when the block ends, what has become of the run. Errors go on to `report_errors`."""
    report.begin()
    try:
        yield
    except Cachi2ishError as error:
        _fail(report, "failed", exit_code_of(error), error)
        raise
    except KeyboardInterrupt as error:
        code = ExitCode.TERMINATED if isinstance(error, Terminated) else ExitCode.INTERRUPTED
        _fail(report, "interrupted", code)
        raise
    except Exception as error:
        # Without its text, which may be anything.
        defect = Cachi2ishError(f"internal error: {type(error).__name__}")
        _fail(report, "failed", defect.exit_code, defect)
        raise
    report.reporter.finish()
    if not report.dry_run:
        for line in success(report.reporter, report.output):
            report.reporter.info(line)
    report.end("succeeded", ExitCode.OK)


def _fail(report: RunReport, outcome: Ending, exit_code: ExitCode, error: Cachi2ishError | None = None) -> None:
    report.reporter.finish()
    for line in failure(report.reporter):
        report.reporter.info(line)
    try:
        report.end(outcome, exit_code, error)
    except StorageError as unwritable:  # not instead of the reason why the run failed
        report.reporter.warning(str(unwritable))


#: A host is slow when its answers begin so many seconds after the request, on average. Answers of a near host
#: take 0.05 s, of one on the other side of the world 0.3.
_SLOW = 1.0

#: How many slow hosts are named.
_NAMED = 3


def success(reporter: ConsoleReporter, output: Path) -> Iterator[str]:
    """Yield the summary of a run that has ended well; the last line names the output."""
    yield from effort(reporter)
    counts = reporter.progress.counts()
    yield f"{_files(counts)}, {readable_size(counts.size)}, in {output} ({_sources(counts)})"


def failure(reporter: ConsoleReporter) -> Iterator[str]:
    """Yield the summary of a run that has failed: what has arrived all the same. Nothing if it had not begun."""
    counts = reporter.progress.counts()
    if not (counts.expected or reporter.hosts):
        return
    yield from effort(reporter)
    if not counts.expected:
        return  # it failed before a single file was known
    of = f"{counts.arrived} of {counted(counts.expected, 'file')} arrived"
    yield f"{of}, {readable_size(counts.size)} ({_sources(counts)})" if counts.arrived else of


def _files(counts: Counts) -> str:
    return counted(counts.arrived, "file")


def _sources(counts: Counts) -> str:
    if counts.fetched and counts.cached:
        return (
            f"{counts.fetched} from the network, {readable_size(counts.fetched_size)};"
            f" {counts.cached} from the cache, {readable_size(counts.cached_size)}"
        )
    return f"{counts.fetched} from the network, {counts.cached} from the cache"


def effort(reporter: ConsoleReporter) -> Iterator[str]:
    """Yield what a run has asked of hosts, and how long it took; and hosts that were slow."""
    hosts = reporter.hosts
    yield ", ".join(
        (
            *_traffic(hosts, reporter.progress.git_fetches),
            readable_seconds(reporter.now - reporter.progress.run_started),
        )
    )
    for host in slow(hosts):
        yield f"slow: {host.host} took {readable_seconds(_mean(host))} to begin an answer, on average"


def _traffic(hosts: tuple[HostTraffic, ...], git_fetches: int) -> Iterator[str]:
    requests = sum(host.requests for host in hosts)
    unanswered = sum(host.unanswered for host in hosts)
    if requests:
        connections = counted(sum(host.connections for host in hosts), "connection")
        yield f"{counted(requests, 'request')} on {connections}"
        yield f"{readable_size(sum(host.received for host in hosts))} received"
    elif not unanswered:
        yield "no request"
    if unanswered:
        yield f"{counted(unanswered, 'attempt')} without an answer"
    if retries := sum(host.retries for host in hosts):
        yield counted(retries, "retry", "retries")
    if git_fetches:
        yield counted(git_fetches, "git fetch", "git fetches")


def slow(hosts: Iterable[HostTraffic]) -> tuple[HostTraffic, ...]:
    """Return the hosts that are slow to answer, the slowest first, and not too many."""
    found = sorted((host for host in hosts if host.requests and _mean(host) >= _SLOW), key=_mean, reverse=True)
    return tuple(found[:_NAMED])


def _mean(host: HostTraffic) -> float:
    return host.answer_seconds / host.requests
