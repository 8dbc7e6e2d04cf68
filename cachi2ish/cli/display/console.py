"""What a person sees: calm lines on standard error, coloured on a terminal, never a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NoReturn, TextIO

from cachi2ish.core.messages import printable
from cachi2ish.errors import (
    Cachi2ishError,
    DigestMismatchError,
    InputError,
    StorageError,
    exit_code_of,
    gravity,
    leaves,
)
from cachi2ish.exit_codes import ExitCode
from cachi2ish.files.os_errors import MORE_FILES, OUT_OF_FILES

if TYPE_CHECKING:
    from cachi2ish.services.progress import Progress


class Level(IntEnum):
    """The weight of a message, which is shown when its level is at least the console's."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP ends the process: it tidies up as after Ctrl-C."""


_STYLES = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "hint": "\x1b[36m", "debug": "\x1b[2m"}
_RESET = "\x1b[0m"

#: How many errors are written: who has mended these runs again. ``--log-level debug`` writes all.
_MOST_ERRORS = 20

NOTHING_WRITTEN = "nothing was written"

#: Where all errors are to be had.
_ALL_ERRORS = "--log-level debug shows all"


class Console:
    """Writes lines to standard error, wherever that is redirected to now. Safe to call from any thread."""

    def __init__(self, level: Level, *, colours: bool) -> None:
        self._level = level
        self._colours = colours
        self._lock = Lock()
        self._write: Callable[[str], None] = _to_standard_error

    @property
    def level(self) -> Level:
        """The least level that is shown."""
        return self._level

    def report(self, level: Level, message: str) -> None:
        """Write one message if its level is high enough."""
        if level >= self._level:
            label = "" if level == Level.INFO else f"{self._styled(level.name.lower())}: "
            self.write_line(f"{label}{printable(message)}")

    def error(
        self,
        error: Cachi2ishError,
        afterwards: str = "",
        all_errors: str = _ALL_ERRORS,
        otherwise: str = NOTHING_WRITTEN,
    ) -> None:
        """Write each error with its place and hint, and their number where there are several.

        Of many the first are written, in any case those that decide the exit status.
        afterwards: the state after the failure, once for any number of errors. all_errors: where the others are.
        otherwise: the state that stands behind the number of several errors, where there is nothing else to say.
        """
        from cachi2ish.cli.display.hints import hint_of

        everything = leaves(error)
        found = everything if self._level <= Level.DEBUG else _first(everything)
        for number, one in enumerate(found, start=1):
            place = f"{one.origin}: " if one.origin else ""
            self.write_line(f"{self._styled('error')}: {printable(place + one.problem)}")
            # The same hint for several errors in a row is written once, after the last of them.
            hint = hint_of(one)
            if hint and (number == len(found) or hint_of(found[number]) != hint):
                self.write_line(f"  {self._styled('hint')}: {printable(hint)}")
        if len(everything) > 1:
            rest = f", {len(found)} of them above ({all_errors})" if len(found) < len(everything) else ""
            number_of_errors = f"{len(everything)} errors{rest}"
            self.write_line(printable("; ".join(filter(None, (number_of_errors, afterwards or otherwise)))))
        elif afterwards:
            self.write_line(printable(afterwards))

    def write_line(self, text: str) -> None:
        """Write a line as it is; where standard error is closed or full it is lost, and the work goes on."""
        with self._lock:
            self._write(text)

    @contextmanager
    def through(self, write: Callable[[str], None]) -> Iterator[None]:
        """Let ``write`` have the lines while the block runs: a live display has to make room for them."""
        before, self._write = self._write, write
        try:
            yield
        finally:
            self._write = before

    def _styled(self, word: str) -> str:
        return f"{_STYLES[word]}{word}{_RESET}" if self._colours else word


def _first(errors: Sequence[Cachi2ishError]) -> Sequence[Cachi2ishError]:
    if len(errors) <= _MOST_ERRORS:
        return errors
    # A file that was tampered with is not to be one of those that are left out.
    gravest = sorted(range(len(errors)), key=lambda place: gravity(errors[place]))
    return [errors[place] for place in sorted(gravest[:_MOST_ERRORS])]


def _to_standard_error(line: str) -> None:
    if sys.stderr is None:
        return
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def write_result(text: str) -> None:
    """Write the result of a command to standard output; raises `StorageError` where it cannot take it."""
    if sys.stdout is None:
        raise unwritable(os.strerror(errno.EBADF))
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")  # a path need not be UTF-8
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except UnicodeEncodeError as error:
        raise unwritable(f"its encoding is {error.encoding}") from None
    except OSError as error:
        raise unwritable(error.strerror or str(error)) from None


def unwritable(reason: str) -> StorageError:
    """Return the error for a standard output that is closed or full."""
    return StorageError(f"standard output cannot be written: {reason}", hint="check where it is redirected to")


def standard_error(level: Level) -> Console:
    """Return the console of this process; colours follow NO_COLOR, FORCE_COLOR and the terminal."""
    wanted = bool(os.environ.get("FORCE_COLOR")) or is_live(sys.stderr)
    return Console(level, colours=wanted and not os.environ.get("NO_COLOR"))


def is_live(stream: TextIO | None) -> bool:
    """Return whether ``stream`` is a terminal that understands cursor movements."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _working_directory_exists() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


_NO_WORKING_DIRECTORY = InputError(
    "the current directory has been removed", hint="change to a directory that exists, and run again"
)


def _nothing_to_add(_error: BaseException) -> str:
    return ""


def _end_interrupted(
    console: Console, interruption: KeyboardInterrupt, afterwards: Callable[[BaseException], str]
) -> NoReturn:
    code = ExitCode.TERMINATED if isinstance(interruption, Terminated) else ExitCode.INTERRUPTED
    console.write_line(printable("; ".join(filter(None, (code.name.lower(), afterwards(interruption))))))
    sys.exit(code)


def _interruption_before(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interruption on whose way out ``error`` happened: one within a lock leaves it in disorder."""
    before = error.__context__
    while before is not None and not isinstance(before, KeyboardInterrupt):
        before = before.__context__
    return before


@contextmanager
def report_errors(
    console: Console,
    afterwards: Callable[[BaseException], str] = _nothing_to_add,
    all_errors: str = _ALL_ERRORS,
    otherwise: str = NOTHING_WRITTEN,
) -> Iterator[None]:
    """Turn whatever goes wrong inside into lines and an exit status.

    afterwards: returns the state after a failure, empty where there is nothing to add.
    all_errors: where all errors are to be had, as a clause. otherwise: what is true after several errors.
    """
    try:
        yield
    except Cachi2ishError as error:
        console.error(error, afterwards(error), all_errors, otherwise)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt as interrupt:
        _end_interrupted(console, interrupt, afterwards)
    except BrokenPipeError:
        # The reader of our output has gone.
        sys.exit(ExitCode.STORAGE)
    except Exception as error:  # noqa: BLE001  (the last line of defence: a defect of ours)
        if (interruption := _interruption_before(error)) is not None:
            _end_interrupted(console, interruption, afterwards)
        if isinstance(error, FileNotFoundError) and not _working_directory_exists():
            console.error(_NO_WORKING_DIRECTORY)
            sys.exit(ExitCode.INPUT)
        if isinstance(error, OSError) and error.errno in OUT_OF_FILES:  # anything may open a file, an import too
            console.error(StorageError(f"no file can be opened: {error.strerror}", hint=MORE_FILES))
            sys.exit(ExitCode.STORAGE)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        console.error(
            Cachi2ishError(
                f"internal error: {type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})",
                hint="this is a defect of cachi2ish; please report it with the command line that you used",
            )
        )
        sys.exit(ExitCode.INTERNAL)


class FailureNote:
    """A run as far as it has come.

    progress: None before there is any. keeps: whether what has arrived outlives the run.
    """

    def __init__(
        self, *, output: Path, dry_run: bool, progress: Progress | None = None, keeps: bool = False
    ) -> None:
        self.output = output
        self.dry_run = dry_run
        self.progress = progress
        self.keeps = keeps

    def text(self, error: BaseException) -> str:
        """Return what is true after ``error``, as the end of a sentence; empty where nothing is sure."""
        if self.dry_run:
            return ""
        if self.progress is None:
            return self._of_output()
        from cachi2ish.services.progress import OutputState

        match self.progress.output_state:
            case OutputState.UNTOUCHED:
                return f"{self._of_output()}{self._of_cache(error, self.progress)}"
            case OutputState.PUBLISHED:
                return f"the new output is in {self.output}"
            case OutputState.UNCERTAIN:
                return ""

    def _of_output(self) -> str:
        there = os.path.lexists(self.output)  # False where nobody may look
        return f"{self.output} is as it was" if there else f"nothing was written to {self.output}"

    def _of_cache(self, error: BaseException, progress: Progress) -> str:
        counts = progress.counts()
        # More bytes are here than those of whole files out of the cache: a part of one has arrived.
        begun = counts.present > counts.cached_size and not _has_digest_mismatch(error)
        if not (self.keeps and (counts.fetched or begun)):
            return ""
        return "; what has arrived is in the cache, and the next run goes on from there"


def _has_digest_mismatch(error: BaseException) -> bool:
    # Of a file that is not the one that was promised nothing is kept.
    return isinstance(error, Cachi2ishError) and any(isinstance(one, DigestMismatchError) for one in leaves(error))
