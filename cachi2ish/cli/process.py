"""The process around a command: closed streams, signals, and an end that waits for nobody."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TextIO

from cachi2ish.cli.display.console import (
    Level,
    Terminated,
    report_errors,
    standard_error,
    unwritable,
    write_result,
)

#: <malloc.h> of the GNU C library: the most heaps that there may be. The main thread's, and one for all others.
_M_ARENA_MAX, _ARENAS = -8, 2

#: Seconds during which signals after the first have no effect. Tidying up takes two when a server is silent.
_TIDYING = 5.0

#: Seconds between looks at whether the exception of a signal has been lost, and until one is raised again that
#: Python says it has discarded.
_LOOK, _AGAIN = 1.0, 0.01


def limit_malloc_arenas() -> None:
    """Let threads share heaps of the GNU C library, before any is started; others have no such setting.

    It gives each of forty threads a heap of its own, and keeps in it what the thread has freed: a page of ten
    thousand files, say. Where 42 pages of 62,000 files are read, 0.80 of the peak memory remains, and all of the
    processor time (medians of 4 rounds).
    """
    import ctypes  # only a run with threads has to spend the milliseconds

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def home_directory() -> Path | None:
    """Return the user's home directory, None where nobody knows it."""
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and a user without an entry in the password database
        return None
    return home if home.is_absolute() else None


def run_to_the_end(command: Callable[[], object]) -> NoReturn:
    """Run ``command`` and end the process with its exit status, whatever its surroundings do."""
    _open_closed_streams()
    ending = _Ending()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Ignored: who started us wants us to go on (nohup, the background of a script).
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, ending)
    signal.signal(signal.SIGALRM, ending.repeat)
    sys.unraisablehook = ending.discarded
    warnings.showwarning = _show_warning
    status = _status_of(command)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for stream in (stream for stream in (sys.stdout, sys.stderr) if stream is not None):
        # What matters has been flushed, and complained of, before.
        with suppress(OSError, ValueError):
            stream.flush()
    # At once: a thread that still waits for a silent server would hold up the end, and to take all objects apart
    # costs time: 0.94 of it remains where all is in the cache, 0.78 where 240 MB are fetched (medians of 11 and 6
    # pairs, processor time).
    os._exit(status)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001  (the signature is that of Python; the place is the library's)
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    # Python would write it as it is, and a compiler or a parser of somebody's text may quote that.
    standard_error(Level.WARNING).report(Level.WARNING, f"{category.__name__}: {message}")


class _Ending:
    """Ends the command at the first signal that asks for it, and lets it tidy up for some seconds undisturbed.

    A second one comes by itself when a terminal is closed (from its shell and from the kernel), or from somebody
    who is impatient; it would leave temporary files and git behind.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._exception: type[KeyboardInterrupt] = KeyboardInterrupt

    def __call__(self, number: int, _frame: object) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self._exception = KeyboardInterrupt if number == signal.SIGINT else Terminated
            signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)
            raise self._exception
        if now - self._since > _TIDYING:
            os._exit(128 + number)  # as a shell writes the status of a process that ended by a signal

    def discarded(self, what: sys.UnraisableHookArgs) -> None:
        """Raise the exception again, soon, where Python prints it and goes on.

        It does so where the signal meets a ``__del__``, the end of a generator that nobody holds any more, or a
        callback of a weak reference; a thread pool has one of each.
        """
        if issubclass(what.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN, _LOOK)
        else:
            sys.__unraisablehook__(what)

    def repeat(self, _number: int, _frame: object) -> None:
        """Raise the exception again where nobody is handling it: some code has caught it and goes on."""
        if not isinstance(sys.exception(), KeyboardInterrupt):
            raise self._exception


def _status_of(command: Callable[[], object]) -> int:
    try:
        with report_errors(standard_error(Level.INFO)):
            _run(command)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _run(command: Callable[[], object]) -> None:
    try:
        command()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # click's answer where the reader of its help has gone
            raise end.__context__ from None
        if end.code:
            raise
    except BrokenPipeError:
        raise
    except OSError as error:  # the commands tell their own: this is help that could not be printed
        raise unwritable(error.strerror or str(error)) from None
    if sys.stdout is not None:
        write_result("")  # what a library has printed must be out as well


def _open_closed_streams() -> None:
    # Else the next file that is opened gets the number of a closed stream, and what is written to it.
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    stream: TextIO | None = sys.stderr
    if stream is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  (until the process ends)
