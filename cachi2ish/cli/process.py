"""The beginning and the end of the process: streams that are closed, and threads that would not end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TextIO

from cachi2ish.cli.console import Level, Terminated, errors_told, standard_error, unwritable, write_result


def run_to_the_end(command: Callable[[], object]) -> NoReturn:
    """Run ``command`` and end the process with its exit status, whatever its surroundings do."""
    _occupy_closed_streams()
    signal.signal(signal.SIGTERM, _terminate)
    status = _status_of(command)
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    if threading.active_count() == 1:
        sys.exit(status)
    # A thread that waits for a silent server would hold up the end, and nobody needs any more what it fetches.
    os._exit(status)


def _terminate(_number: int, _frame: object) -> NoReturn:
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


def _flush(stream: TextIO | None) -> None:
    # The interpreter flushes once more at its end, and would answer for a full disk with a status of its own.
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
