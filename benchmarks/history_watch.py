"""What a part of a measurement takes: processor time, the clock's, and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Figures = dict[str, float]

#: Where the number of the server's first process stands, for its processor time.
SERVER = "HISTORY_SERVER"

_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Counts the time of processors within a block, and the clock's."""

    def __init__(self) -> None:
        self.seconds = self.clock = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count from here to the end of the block."""
        clock, began = time.monotonic(), _seconds()
        try:
            yield
        finally:
            self.seconds += _seconds() - began
            self.clock += time.monotonic() - clock

    def figures(self, what: str) -> Figures:
        """Return what was counted, under names that begin with ``what``."""
        return {
            f"{what}: s of a processor": self.seconds,
            f"{what}: s by the clock": self.clock,
        }


def memory(what: str) -> Figures:
    """Return the most memory that this process has had: `getrusage` has that of who started it, too."""
    [line] = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return {f"{what}: MB of memory": int(line.split()[1]) * 1024 / 1e6}


def _seconds() -> float:
    """Return the processor time of this process, and of the server and all processes that it has started."""
    server = os.environ.get(SERVER)
    if server is None:
        return time.process_time()
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = stat.parent.name, stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if server in (number, rest[1]):
            ticks += sum(map(int, rest[11:15] if number == server else rest[11:13]))
    return time.process_time() + ticks / _TICKS
