"""One line at the bottom of a terminal, written over again and again, above which other lines scroll by.

It is written by hand: the library that could do it costs more processor time to import than a warm run takes for
its work, and the whole of what is needed is a carriage return and "erase to the end of the line".
"""

from __future__ import annotations

import os
from threading import Lock
from typing import TextIO

#: ECMA-48: to the first column, and EL (erase in line).
_CLEAR = "\r\x1b[K"

#: Where a terminal does not say how wide it is.
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
