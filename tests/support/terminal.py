"""A program on a pseudo-terminal, and the terminal's screen as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from tests.support.program import PROGRAM

_LONGEST = 30  # seconds; far above what a busy machine needs

#: What this terminal understands: text, the ends of lines, "to the first column", "erase to the end of the line",
#: and colours.
_UNDERSTOOD = re.compile(r"(?P<erase>\x1b\[K)|(?P<colour>\x1b\[[0-9;]*m)|(?P<character>[^\x1b])")


class Terminal:
    """``cachi2ish ARGUMENTS`` with standard error on a terminal; a context manager that ends the program."""

    def __init__(
        self, *arguments: str | Path, environ: Mapping[str, str], cwd: Path, columns: int = 80, lines: int = 24
    ) -> None:
        self._leader, follower = pty.openpty()
        self.resize(columns, lines)
        self.heard = ""
        # In a session of its own: when the terminal goes, nobody sends it a signal.
        self.process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=follower,
            env={"TERM": "xterm", **environ},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(follower)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.close()

    def resize(self, columns: int, lines: int = 24) -> None:
        fcntl.ioctl(self._leader, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def close(self) -> None:
        """Take the terminal away from the program."""
        if self._leader >= 0:
            os.close(self._leader)
            self._leader = -1

    def wait_until(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Read until the screen is as expected; return it."""
        while not seen(screen(self.heard)):
            assert self._read(), f"never seen: {screen(self.heard)}"
        return screen(self.heard)

    def wait(self) -> int:
        """Read until the program has ended; return its exit status."""
        while self._leader >= 0 and self._read():
            pass
        return self.process.wait(_LONGEST)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._leader], [], [], _LONGEST)
        assert ready, f"silent: {self.heard!r}"
        try:
            piece = os.read(self._leader, 65536)
        except OSError:  # the other end is closed
            return False
        self.heard += piece.decode()
        return bool(piece)


def screen(written: str) -> list[str]:
    """The lines that are on a screen without an edge after this was written; the last one is the cursor's."""
    lines, column, position = [""], 0, 0
    while position < len(written):
        found = _UNDERSTOOD.match(written, position)
        assert found, f"not understood: {written[position : position + 20]!r}"
        position = found.end()
        character = found["character"]
        if found["erase"]:
            lines[-1] = lines[-1][:column]
        elif character == "\n":
            lines.append("")
            column = 0
        elif character == "\r":
            column = 0
        elif character:
            lines[-1] = lines[-1][:column] + character + lines[-1][column + 1 :]
            column += 1
    return lines
