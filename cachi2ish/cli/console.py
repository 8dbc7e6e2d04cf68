"""What a person sees: calm lines on standard error, coloured on a terminal, never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from threading import Lock
from typing import TextIO

from cachi2ish.errors import Cachi2ishError, ExitCode, exit_code_of, leaves


class Level(IntEnum):
    """How much is told; a message is shown when its level is at least the console's."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


_STYLES = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "hint": "\x1b[36m", "debug": "\x1b[2m"}
_RESET = "\x1b[0m"


class Console:
    """Writes lines to standard error, wherever that is redirected to now. Safe to call from any thread."""

    def __init__(self, level: Level, *, colours: bool) -> None:
        self._level = level
        self._colours = colours
        self._lock = Lock()

    @property
    def level(self) -> Level:
        """How much is told."""
        return self._level

    def say(self, level: Level, message: str) -> None:
        """Write one message if its level is high enough."""
        if level >= self._level:
            label = "" if level == Level.INFO else f"{self._styled(level.name.lower())}: "
            self.write_line(f"{label}{printable(message)}")

    def error(self, error: Cachi2ishError) -> None:
        """Write each error with its place and hint, and their number where there are several."""
        found = leaves(error)
        for one in found:
            place = f"{one.origin}: " if one.origin else ""
            self.write_line(f"{self._styled('error')}: {printable(place + one.problem)}")
            if one.hint:
                self.write_line(f"  {self._styled('hint')}: {printable(one.hint)}")
        if len(found) > 1:
            self.write_line(f"{len(found)} errors; nothing was written to the output")

    def write_line(self, text: str) -> None:
        """Write a line as it is."""
        with self._lock:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def _styled(self, word: str) -> str:
        return f"{_STYLES[word]}{word}{_RESET}" if self._colours else word


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that could move a terminal's cursor or forge a line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def standard_error(level: Level) -> Console:
    """Return the console of this process; colours follow NO_COLOR, FORCE_COLOR and the terminal."""
    wanted = bool(os.environ.get("FORCE_COLOR")) or is_live(sys.stderr)
    return Console(level, colours=wanted and not os.environ.get("NO_COLOR"))


def is_live(stream: TextIO) -> bool:
    """Return whether ``stream`` is a terminal that understands cursor movements."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def errors_told(console: Console) -> Iterator[None]:
    """Turn whatever goes wrong inside into lines and an exit status."""
    try:
        yield
    except Cachi2ishError as error:
        console.error(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        console.write_line("interrupted; the output is as it was before")
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing is left to say, and the interpreter must not try to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.STORAGE)
    except Exception as error:  # noqa: BLE001  (the last line of defence: a defect of ours)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        console.error(
            Cachi2ishError(
                f"internal error: {type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})",
                hint="this is a defect of cachi2ish; please report it with the command line that you used",
            )
        )
        sys.exit(ExitCode.INTERNAL)
