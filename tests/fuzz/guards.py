"""What no input may do: raise what is not ours, take long, take much memory, or reach out of its room.

The room is the only folder in which an example writes and reads. Python itself, and what is installed, may be
read: modules are imported late. No example speaks to a network, and none but those of git starts a program.
"""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

from cachi2ish.errors import Cachi2ishError, leaves

#: Processor seconds that an example may take, in this process. An input has 64 kB at most.
SECONDS = 5.0

#: Seconds by the clock after which an example is taken to hang: long, since the machine may be busy.
HANG = 60.0

#: Bytes that an example may make this process grow by.
MEMORY = 300_000_000

_ROOT = Path(__file__).resolve().parents[2]

#: Where modules and their data are, and what the system tells about itself.
_READABLE = tuple(
    dict.fromkeys(
        (
            *(os.path.realpath(place) for place in (sys.prefix, sys.base_prefix, *sysconfig.get_paths().values())),
            *map(str, (_ROOT / "cachi2ish", _ROOT / "tests", _ROOT / ".venv")),
            *("/proc", "/sys", "/dev/null", "/dev/urandom", "/usr/share", "/usr/lib", "/etc/mime.types"),
        )
    )
)

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: Which arguments of an event (PEP 578) are paths that it changes, and which is the folder they are relative to.
_CHANGING = {
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.truncate": ((0, None),),
}
_OUTSIDE = frozenset(
    {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "os.system", "os.exec"}
)


class TrespassError(AssertionError):
    """An example reached out of its room."""


class HangError(AssertionError):
    """An example did not end."""


@dataclass
class _Watch:
    room: str
    programs: frozenset[str]
    readable: tuple[str, ...]
    found: list[str] = field(default_factory=list)

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opened(*arguments)
        elif event in _CHANGING:
            for number, folder in _CHANGING[event]:
                base = arguments[folder] if folder is not None else -1
                self._inside(arguments[number], event, base, follow=False)
        elif event == "sqlite3.connect":
            place = str(arguments[0])
            if place != ":memory:":
                self._inside(unquote(urlsplit(place).path) if place.startswith("file:") else place, event)
        elif event == "subprocess.Popen":
            if Path(os.fsdecode(arguments[0])).name not in self.programs:
                self._refuse(event, arguments[0])
        elif event in _OUTSIDE:
            self._refuse(event, arguments)

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if not isinstance(path, (str, bytes)):
            return  # a file that is open already
        if isinstance(flags, int) and flags & _WRITING:
            if os.fsdecode(path) != os.devnull:
                self._inside(path, "open to write", follow=not flags & os.O_NOFOLLOW)
        else:
            self._inside(path, "open", also=self.readable)

    def _inside(
        self, path: Any, event: str, folder: Any = -1, *, follow: bool = True, also: tuple[str, ...] = ()
    ) -> None:
        if isinstance(path, int):
            return
        text = os.fsdecode(path)
        if "\0" in text:
            return  # no call will take it
        if isinstance(folder, int) and folder >= 0:
            text = str(Path(f"/proc/self/fd/{folder}").readlink() / text)
        place = Path(text)
        real = os.path.realpath(text) if follow else str(Path(os.path.realpath(place.parent), place.name))
        if not any(real == one or real.startswith(f"{one}/") for one in (self.room, *also)):
            self._refuse(event, real)

    def _refuse(self, event: str, what: object) -> None:
        self.found.append(f"{event}: {what!r}")
        raise TrespassError(self.found[-1])


_watch: _Watch | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is not None:
        _watch.see(event, arguments)


sys.addaudithook(_hook)


@contextmanager
def guarded(
    room: Path, *, programs: frozenset[str] = frozenset(), readable: tuple[str, ...] = ()
) -> Iterator[None]:
    """Let the block end well or with an error of ours; everything else is an `AssertionError`, or what it is.

    room: an empty folder, which is the current one inside. programs: that may be started. readable: places outside
    of the room that may be read, beside those of Python; "" for all.
    """
    global _watch  # noqa: PLW0603  (an audit hook cannot be removed, and is told by this what to see)
    watch = _Watch(os.path.realpath(room), programs, (*_READABLE, *readable))
    before, compiled = Path.cwd(), not sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # what is imported late would be written beside its source
    os.chdir(room)
    _forget_peak()
    size, start = _memory("VmRSS"), time.process_time()
    alarm = signal.signal(signal.SIGALRM, _hang)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    _watch = watch
    try:
        yield
    except Cachi2ishError as error:
        str(error).encode("utf-8", "backslashreplace")
    finally:
        _watch = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        os.chdir(before)
        sys.dont_write_bytecode = not compiled
    took, grew = time.process_time() - start, _memory("VmHWM") - size
    assert not watch.found, watch.found
    assert took < SECONDS, f"it took {took:.1f} s of processor time"
    assert grew < MEMORY, f"it took {grew / 1e6:.0f} MB of memory"


@contextmanager
def each_error(check: Callable[[Cachi2ishError], object]) -> Iterator[None]:
    """Demand something of each error that the block raises; it is raised on."""
    try:
        yield
    except Cachi2ishError as error:
        wrong = [repr(one) for one in leaves(error) if not check(one)]
        if wrong:
            raise AssertionError(wrong) from error
        raise


def _hang(_number: int, _frame: FrameType | None) -> None:
    raise HangError(f"it did not end within {HANG:.0f} s")


def _forget_peak() -> None:
    with suppress(OSError):  # not Linux, or a kernel without it: the peak is then that of all examples
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): the peak begins anew


def _memory(key: str) -> int:
    """Return what the kernel says of this process, in bytes; 0 where there is no such kernel."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = status.partition(f"\n{key}:")[2].split(maxsplit=1)
    return int(found[0]) * 1024 if found else 0
