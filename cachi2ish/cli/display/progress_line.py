"""The state of a run as one line, for a log or at the bottom of a terminal, where it is written over and over.

No library writes it: one that could costs more processor time to import than a warm run takes for its work, and a
carriage return and "erase to the end of the line" are all that is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Lock
from typing import TextIO

from msgspec import Struct

from cachi2ish.cli.display.figures import counted, readable_size, readable_wait
from cachi2ish.services.progress import Counts, Doing, StageName, UnderWay

_SHORT: dict[StageName, str] = {
    "read": "reading",
    "choose": "choosing",
    "transfer": "fetching",
    "record": "writing",
}


#: Characters of the name of a file.
_LONGEST_NAME = 40

#: The stages in which files arrive.
_WITH_FILES = frozenset({"choose", "transfer"})


class Moment(Struct, frozen=True):
    """What a line is about. speed: bytes per second; left: seconds; both None where they are not known.

    doing: None before the first stage. slow: a file that one waits for.
    """

    counts: Counts
    speed: float | None
    left: float | None
    doing: Doing | None
    slow: UnderWay | None = None


class _Part(Struct, frozen=True):
    """A part of a line. weight: the lightest parts go first where there is no room."""

    weight: int
    text: str


def log_line(moment: Moment) -> str:
    """Return the line for a log."""
    return ", ".join(part.text for part in _parts(moment))


def screen_line(moment: Moment, width: int) -> str:
    """Return the line for a terminal, at most ``width`` characters of ASCII."""
    doing = moment.doing
    labels = ("", "") if doing is None else (sentence(doing), _word(doing))
    files_arrive = doing is not None and doing.files and doing.stage in _WITH_FILES
    shows_counts = files_arrive and moment.counts.expected > 0
    parts = list(_parts(moment)) if shows_counts else []
    while parts:
        text = ", ".join(part.text for part in parts)
        for line in (*(f"{label}: {text}" for label in labels), text):
            if len(line) <= width:
                return line
        if len(parts) == 1:
            return text[:width]
        parts.remove(min(parts, key=lambda part: part.weight))
    return next((label for label in labels if len(label) <= width), labels[-1][:width])


def sentence(doing: Doing) -> str:
    """Return what is being done as a sentence of a log."""
    match doing.stage:
        case "read":
            return "reading requirements files"
        case "choose" if doing.local:
            return f"looking up index pages{' and files' if doing.files else ''} in the cache"
        case "choose":
            return f"reading index pages{', and fetching files' if doing.files else ''}"
        case "transfer" if doing.local:
            return "taking the remaining files from the cache"
        case "transfer":
            return "fetching the remaining files"
        case "record":
            return "writing the output"


def _word(doing: Doing) -> str:
    """Return what is being done where there is no room for a sentence."""
    return "looking up" if doing.local and doing.stage in _WITH_FILES else _SHORT[doing.stage]


def _parts(moment: Moment) -> Iterator[_Part]:
    counts = moment.counts
    so_far = "" if counts.final else " so far"
    yield _Part(10, f"{counts.arrived} of {counted(counts.expected, 'file')}{so_far}")
    if counts.present:
        yield _Part(8, f"{readable_size(counts.present)}{_of_all(counts) if counts.final else ''}")
    if moment.speed is not None:
        yield _Part(6, f"{readable_size(moment.speed)}/s")
    if moment.left is not None:
        yield _Part(9, f"{readable_wait(moment.left)} left")
    if moment.slow is not None:
        name = _short_name(moment.slow.filename)
        yield _Part(7, f"waiting {readable_wait(moment.slow.seconds)} for {name}")
    if counts.cached:
        yield _Part(5, f"{counts.fetched} from the network, {counts.cached} from the cache")


def _of_all(counts: Counts) -> str:
    """Return the total behind the bytes that are here, as far as sizes are known."""
    if counts.total is not None:
        return f" of {readable_size(counts.total)}"
    return f" of {readable_size(counts.least)} or more" if counts.least > counts.present else ""


def _short_name(filename: str) -> str:
    """Return a name from outside as a few characters of ASCII that no terminal takes for anything else."""
    name = filename.encode("unicode_escape").decode("ascii")
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 13]}...{name[-10:]}"


#: ECMA-48: to the first column, and EL (erase in line).
_CLEAR = "\r\x1b[K"

#: Where the width of a terminal is not known.
_USUAL_WIDTH = 80


class LiveLine:
    """A line on ``stream``, a terminal. A terminal that has gone is no failure: nothing is shown any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()
        self._shown = ""
        self._closed = self._gone = False

    @property
    def width(self) -> int:
        """How many characters fit: less than a whole line, since some terminals begin a new one after the last."""
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return (columns or _USUAL_WIDTH) - 1

    def show(self, text: str) -> None:
        """Let the line be ``text``, which fits."""
        with self._lock:
            if text != self._shown and not self._closed:
                self._shown = text
                self._write(_CLEAR + text)

    def write_line(self, line: str) -> None:
        """Write a line that stays, above."""
        with self._lock:
            self._write(f"{_CLEAR}{line}\n{self._shown}")

    def close(self) -> None:
        """Take the line away for good; lines that stay can still be written."""
        with self._lock:
            if self._shown:
                self._write(_CLEAR)
            self._shown, self._closed = "", True

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._gone = True
