"""The end of a run, however it comes: a summary for people, and ``--report`` for machines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cachi2ish import __version__
from cachi2ish.cli.display import summary
from cachi2ish.cli.display.console import Terminated, write_result
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.errors import Cachi2ishError, ExitCode, InputError, StorageError, exit_code_of
from cachi2ish.files.interface import SourceFiles
from cachi2ish.files.stream_names import names_a_stream

if TYPE_CHECKING:
    from cachi2ish.services.report import Ending


#: Stands for standard output, as in other tools.
STANDARD_OUTPUT = Path("-")


#: What every report begins with, as `cachi2ish.services.report.Report` writes it.
_BEGINNING = b'{\n  "version": '


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
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
            return
        if self.place == STANDARD_OUTPUT:
            if self.dry_run:
                raise InputError(
                    "--report - and --dry-run both write to standard output", hint="give the report a file"
                )
            return
        if Path(os.path.realpath(self.place)).is_relative_to(os.path.realpath(self.output)):
            raise InputError(
                f"the report {self.place} would be inside the output directory {self.output}",
                hint="give it a place elsewhere: the output is the same at each run, and the report is not",
            )
        if not _is_stream(self.place):
            if not _may_be_replaced(self.place):
                raise InputError(
                    f"the report {self.place} would take the place of a file that is no report",
                    hint="give it another place, or remove the file first",
                )
            self._write("unfinished", None)

    def end(self, outcome: Ending, exit_code: ExitCode, error: Cachi2ishError | None = None) -> None:
        """Write the report; raises `StorageError`."""
        if self.place is not None:
            self._write(outcome, exit_code, error)

    def _write(self, outcome: Ending, exit_code: ExitCode | None, error: Cachi2ishError | None = None) -> None:
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
        )
        if self.place == STANDARD_OUTPUT:
            write_result(report.render())
        elif self.place is not None:
            self.files.replace(self.place, report.render().encode())


def _may_be_replaced(path: Path) -> bool:
    # A slip of the hand must not cost a lock file, or the cache its catalogue.
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) in {_BEGINNING, b""}
    except OSError:  # it is not there, or no file: writing tells why it cannot be written
        return True


def _is_stream(path: Path) -> bool:
    """Return whether what is written to ``path`` goes to a reader, to whom nothing can be said twice."""
    if names_a_stream(path):
        return True
    # By os.path, which takes a path that cannot be looked at for one that is not there: writing tells why.
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))  # noqa: PTH110, PTH112, PTH113


@contextmanager
def told_at_the_end(report: RunReport) -> Iterator[None]:
    """Tell, when the block ends, what has become of the run; errors go on to whoever tells them."""
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
        for line in summary.success(report.reporter, report.output):
            report.reporter.info(line)
    report.end("succeeded", ExitCode.OK)


def _fail(report: RunReport, outcome: Ending, exit_code: ExitCode, error: Cachi2ishError | None = None) -> None:
    report.reporter.finish()
    for line in summary.failure(report.reporter):
        report.reporter.info(line)
    try:
        report.end(outcome, exit_code, error)
    except StorageError as unwritable:  # not instead of the reason why the run failed
        report.reporter.warning(str(unwritable))
