"""A command that is run while something is served for it."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

#: What is added to the number of a signal that has ended a command, as shells do.
_BY_SIGNAL = 128


async def run_command(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command with the streams of this process; return its exit status, as a shell has it.

    SIGTERM, SIGHUP and SIGINT are its own matter: they are passed on. Raises `OSError` where it cannot be started.
    """
    started: Process | None = None
    early: list[signal.Signals] = []

    def pass_on(number: signal.Signals) -> None:
        if started is None:
            early.append(number)
        elif number is not signal.SIGINT or not _is_in_front():
            with suppress(ProcessLookupError):
                started.send_signal(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Ignored: who started us wants us to go on, and the command inherits that.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, pass_on, number)
    started = await asyncio.create_subprocess_exec(*command, env=dict(environ))
    for number in early:
        pass_on(number)
    status = await started.wait()
    return status if status >= 0 else _BY_SIGNAL - status


def _is_in_front() -> bool:
    """Return whether this process is in the foreground of a terminal: Ctrl-C there reaches the command, too."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
