"""The beginning and the end of the process: streams that are closed, and threads that would not end."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TextIO

from cachi2ish.cli.console import Level, Terminated, errors_told, standard_error, unwritable, write_result

#: Objects that are made before the next search for cycles among the youngest. What a command makes lives until its
#: end, for the most part, and looking through it again and again took a twentieth of the processor time.
_COLLECT_EVERY = 20_000


def run_to_the_end(command: Callable[[], object]) -> NoReturn:
    """Run ``command`` and end the process with its exit status, whatever its surroundings do."""
    _occupy_closed_streams()
    gc.set_threshold(_COLLECT_EVERY)
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else who started us wants us to go on (nohup)
        signal.signal(signal.SIGHUP, _terminate)
    status = _status_of(command)
    for stream in (sys.stdout, sys.stderr):
        # What matters has been flushed, and complained of, before. A stream may be closed (None).
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    # At once: to take all objects apart costs a tenth of a run that has fetched nothing, and a thread that still
    # waits for a silent server would hold up the end.
    os._exit(status)


def _terminate(_number: int, _frame: object) -> NoReturn:
    # A terminal that is closed sends it twice: its shell does, and so does the system.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise Terminated


def _status_of(command: Callable[[], object]) -> int:
    try:
        with errors_told(standard_error(Level.INFO)):
            _run(command)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _run(command: Callable[[], object]) -> None:
    try:
        command()
    except SystemExit as end:
        if end.code:
            raise
    except BrokenPipeError:
        raise
    except OSError as error:  # the commands tell their own: this is help that could not be printed
        raise unwritable(error.strerror or str(error)) from None
    if sys.stdout is not None:
        write_result("")  # what a library has printed must be out as well


def _occupy_closed_streams() -> None:
    # Else the next file that is opened gets the number of a closed stream, and what is written to it.
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    stream: TextIO | None = sys.stderr
    if stream is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  (until the process ends)
