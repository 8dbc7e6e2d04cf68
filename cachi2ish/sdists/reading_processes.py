"""Looks into archives in processes beside this one, so that its threads do not wait for one another.

Only one thread of a process runs Python at a time. To look into an sdist is to decompress it piece by piece, with
a little Python between the pieces, and each time the thread waits for its turn among those that receive files and
read pages. A process of its own never waits. It is not started for little, and whatever goes wrong with it, this
process does the work itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from threading import Condition, Lock
from types import TracebackType
from typing import Self

import cachi2ish
from cachi2ish.sdists.forward import Budget
from cachi2ish.sdists.reading_child import BrokenMessageError, ask, receive, send, understood
from cachi2ish.sdists.shortcut import find_members_at

#: Bytes of archives from which on a process is worth its start, which takes as long as to look into so many.
_WORTHWHILE = 8_000_000


#: Seconds for a process to end by itself.
_PATIENCE = 1.0

#: Seconds for which a thread waits for a process that is at another archive, before it looks for itself.
_TURN = 0.1

#: Processors from which on there are two processes. Of two, one is busy with what arrives.
_MANY = 3

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from cachi2ish.sdists.reading_child import serve; serve()"


class ReadingProcesses:
    """Implements `QuickReader`. Use as a context manager, from many threads.

    worthwhile: bytes of archives that are looked into in this process, before another one is started.
    """

    def __init__(self, worthwhile: int = _WORTHWHILE) -> None:
        self._left = worthwhile
        self._most = 1 if (os.cpu_count() or 1) < _MANY else 2
        self._lock = Lock()
        self._freed = Condition(self._lock)
        self._idle: list[subprocess.Popen[bytes]] = []
        self._all: list[subprocess.Popen[bytes]] = []
        self._usable = bool(sys.executable)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        for one in self._all:
            _end(one, at_once=kind is not None)

    @property
    def started(self) -> tuple[subprocess.Popen[bytes], ...]:
        """All processes that were started."""
        return tuple(self._all)

    def __call__(
        self, path: Path, folder: tuple[str, ...], names: Collection[str], budget: Budget
    ) -> dict[str, list[bytes]] | None:
        """Return the members, as `find_members_at` does."""
        process, listed = self._take(path), list(names)
        if process is not None and process.stdin and process.stdout:
            try:
                send(process.stdin, ask(str(path), folder, listed, budget))
                spent, found = understood(receive(process.stdout), listed)
            except (OSError, ValueError, BrokenMessageError):
                self._give_up(process)
            else:
                budget.charge(spent)
                with self._freed:
                    if self._usable:
                        self._idle.append(process)
                        self._freed.notify()
                return found
        return find_members_at(path, folder, listed, budget)

    def _take(self, path: Path) -> subprocess.Popen[bytes] | None:
        with suppress(OSError):
            size = path.stat().st_size
            with self._lock:
                self._left -= size
                if self._left > 0 or not self._usable:
                    return None
                if not self._idle and len(self._all) < self._most:
                    self._all.append(started := _start())
                    return started
                self._freed.wait_for(lambda: self._idle or not self._usable, _TURN)
                return self._idle.pop() if self._idle else None
        return None

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        self._stop()
        _end(process, at_once=True)

    def _stop(self) -> None:
        with self._freed:
            self._usable = False
            self._idle.clear()
            self._freed.notify_all()


def _start() -> subprocess.Popen[bytes]:
    places = [*filter(None, sys.path), str(Path(cachi2ish.__file__).parents[1])]
    quietly = ("-I", "-S", "-B") if sys.dont_write_bytecode else ("-I", "-S")
    return subprocess.Popen(
        [sys.executable, *quietly, "-c", _PROGRAM, *dict.fromkeys(places)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _end(process: subprocess.Popen[bytes], *, at_once: bool) -> None:
    if at_once:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):  # what was not written yet has no reader
                pipe.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
