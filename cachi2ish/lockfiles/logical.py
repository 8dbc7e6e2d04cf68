"""Logical lines of a requirements file: continuations joined, comments cut, as pip does it.

pip-requirements-parser and pip agree on these rules, but neither remembers which character of the file a
character of the logical line was. Rewriting needs that, so the lines are made here; the tests compare them
with pip's own, line by line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

_COMMENT_START = re.compile(r"(?:^|(?<=\s))#")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of characters that is contiguous in the file. start: in the line; source: in the file."""

    start: int
    source: int
    text: str


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """A line as pip sees it, variables not yet expanded.

    number: of the first physical line, from 1. text: without comment and surrounding white space.
    """

    number: int
    text: str
    _pieces: tuple[_Piece, ...] = field(repr=False)
    _shift: int = field(repr=False)

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the file the characters ``start`` to ``end`` (exclusive, not empty) stand.

        A span that crosses a line continuation holds the continuation.
        """
        return self._source(start), self._source(end - 1) + 1

    def _source(self, position: int) -> int:
        position += self._shift
        piece = self._pieces[bisect_right(self._pieces, position, key=attrgetter("start")) - 1]
        return piece.source + position - piece.start


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """Yield the lines of ``text`` that are neither empty nor comments."""
    number = 0
    pending: list[tuple[int, str]] = []
    for number_here, source, line in _physical_lines(text):
        if not pending:
            number = number_here
        if line.lstrip().startswith("#"):
            # A comment even when it ends in a backslash, and even behind a continuation (pip sets a space
            # before it, so that "#" is not glued to a word).
            yield from _line(number, pending)
        elif not line.endswith("\\"):
            yield from _line(number, [*pending, (source, line)])
        else:
            pending.append((source + len(line) - len(line.lstrip("\\")), line.strip("\\")))
            continue
        pending = []
    yield from _line(number, pending)


def _physical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    position = 0
    for number, whole in enumerate(text.splitlines(keepends=True), start=1):
        line = whole.splitlines()[0]
        mark = number == 1 and line.startswith(_BYTE_ORDER_MARK)
        yield number, position + mark, line[1:] if mark else line
        position += len(whole)


def _line(number: int, parts: list[tuple[int, str]]) -> Iterator[LogicalLine]:
    pieces, length = [], 0
    for source, text in parts:
        pieces.append(_Piece(length, source, text))
        length += len(text)
    whole = "".join(piece.text for piece in pieces)
    comment = _COMMENT_START.search(whole)
    if comment:
        whole = whole[: comment.start()]
    stripped = whole.strip()
    if stripped:
        shift = len(whole) - len(whole.lstrip())
        yield LogicalLine(number, stripped, tuple(pieces), shift)
