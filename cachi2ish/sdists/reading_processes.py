"""Looks into archives in processes beside this one, so that its threads do not wait for one another.

Only one thread of a process runs Python at a time. To look into an sdist is to decompress it piece by piece, with
a little Python between the pieces, and each time the thread waits for its turn among those that receive files and
read pages. A process of its own never waits. It is not started for little. Where it cannot be started, ends, or
answers wrongly, this process does the work itself; so it does where somebody has stopped it (SIGSTOP) alone.
"""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from threading import Condition
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cachi2ish.sdists.forward import Budget
from cachi2ish.sdists.reading_child import BrokenMessageError, question, read_answer, receive, send
from cachi2ish.sdists.shortcut import find_members_at

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Bytes of archives from which on a process is worth its start, which takes as long as to look into so many.
_WORTHWHILE = 8_000_000

#: Seconds for which a thread waits for a process that is at another archive, before it looks for itself.
_TURN = 0.1

#: Seconds between two looks whether a process is stopped, and looks in a row after which nobody waits for it.
_STEP, _MOST_STEPS = 0.25, 20

#: Processors from which on there are two processes. Of two, one is busy with what arrives.
_MANY = 3

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from cachi2ish.sdists.reading_child import serve; serve()"


class _StoppedError(Exception):
    """The process is stopped, and this one is not."""


class _Answers(io.RawIOBase):
    """What a process writes. To be closed. Raises `_StoppedError` where nothing comes since it is stopped.

    Whoever suspends this program (Ctrl-Z) suspends both; both go on at nearly the same time. So not the time is
    counted, but how often this process has looked: while it is suspended itself, it does not.
    descriptor: of the pipe. It is copied: another thread may close it, and then its number means another file.
    """

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        super().__init__()
        self._process = process
        self._descriptor = os.dup(descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def close(self) -> None:
        """Let go of the pipe."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Wait for the next bytes; 0 at the end."""
        steps = 0
        while not self._poll.poll(_STEP * 1000):
            steps = steps + 1 if _is_stopped(self._process) else 0
            if steps == _MOST_STEPS:
                raise _StoppedError
        return os.readv(self._descriptor, [buffer])


class ReadingProcesses:
    """Implements `QuickReader`. Use as a context manager, from many threads.

    worthwhile: bytes of archives that are looked into in this process, before another one is started.
    """

    def __init__(self, worthwhile: int = _WORTHWHILE) -> None:
        self._left = worthwhile
        self._most = 1 if _processors() < _MANY else 2
        self._freed = Condition()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._all: list[subprocess.Popen[bytes]] = []
        # A frozen program is its own interpreter, and would run itself.
        self._usable = bool(sys.executable) and not getattr(sys, "frozen", False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        for one in self._all:
            self._end(one)

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
            start = time.monotonic()
            try:
                send(process.stdin, question(str(path), folder, listed, budget))
                with self._freed:  # nobody closes it between its number and the copy
                    answers = _Answers(process, process.stdout.fileno())
                with io.BufferedReader(answers) as buffered:
                    spent, found = read_answer(receive(buffered), listed)
            except _StoppedError:
                self._give_up(process)  # it has spent next to nothing
            except (OSError, ValueError, BrokenMessageError):
                self._give_up(process)
                # An archive may be made for that: it has no second time to itself.
                budget.charge(min(time.monotonic() - start, budget.seconds_left))
            except BaseException:
                self._give_up(process)
                raise
            else:
                budget.charge(spent)
                with self._freed:
                    if self._usable:
                        self._idle.append(process)
                        self._freed.notify()
                return found
        return find_members_at(path, folder, listed, budget)

    def _take(self, path: Path) -> subprocess.Popen[bytes] | None:
        try:
            size = path.stat().st_size
        except OSError:
            return None
        with self._freed:
            self._left -= size
            if self._left > 0 or not self._usable:
                return None
            if self._idle or len(self._all) == self._most:
                self._freed.wait_for(lambda: self._idle or not self._usable, _TURN)
                return self._idle.pop() if self._idle else None
            try:
                self._all.append(started := _start())
            except OSError:
                self._usable = False
                return None
            return started

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        self._stop()
        self._end(process)

    def _stop(self) -> None:
        with self._freed:
            self._usable = False
            self._idle.clear()
            self._freed.notify_all()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()  # it has nothing that could be lost, and would take its time to end by itself
        if process.stdin:
            with suppress(OSError):  # what was not written yet has no reader
                process.stdin.close()
        if process.stdout:
            with self._freed:
                process.stdout.close()
        process.wait()


def _processors() -> int:
    """Return how many processors this process may use."""
    with suppress(AttributeError):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_stopped(process: subprocess.Popen[bytes]) -> bool:
    with suppress(AttributeError, ChildProcessError):  # not on every system
        return os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    return False


def _start() -> subprocess.Popen[bytes]:
    """Start a process that finds its modules where this one does. Raises `OSError`."""
    places = [*filter(None, sys.path), str(Path(__file__).parents[2])]
    # It writes no compiled modules: isolated, it does not know where this one would.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, *dict.fromkeys(places)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
