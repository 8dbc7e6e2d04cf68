"""From the bytes of a requirements file to its logical lines, as pip reads them.

With it: which one version a specifier stands for (PEP 440).
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish.advice import Hint
from cachi2ish.core.distributions import same_version
from cachi2ish.core.messages import excerpt
from cachi2ish.core.structs import repr_without
from cachi2ish.errors import InputError, LockFileError, Origin
from cachi2ish.lockfiles.interface import Decoded

if TYPE_CHECKING:
    from packaging.specifiers import Specifier, SpecifierSet

#: The order matters: the mark of UTF-16 begins the mark of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)

_CODING_LINE = re.compile(rb"coding[:=]\s*([-\w.]+)")  # PEP 263, as pip searches for it

#: In how many lines at the top a coding line counts (PEP 263).
_CODING_LINES = 2


def decode(content: bytes, file: str) -> Decoded:
    """Return the text of ``content``; raises `LockFileError` where it is no text.

    Where nothing tells the encoding it is UTF-8. (pip then tries the locale's; a lock file that means
    something else on another machine is refused here.)
    """
    encoding, line = _encoding(content)
    origin = Origin(file, line)
    try:
        text = content.decode(encoding)
        faithful = text.encode(encoding) == content
    except LookupError:
        raise LockFileError(
            f"{encoding!r} is not a text encoding that Python knows",
            hint="correct the coding line (PEP 263), or save the file as UTF-8 without one",
            origin=origin,
        ) from None
    except ValueError as error:
        raise LockFileError(
            f"the file is not {encoding} text: {_fault(error)}",
            hint="save the file as UTF-8, or state its encoding in the first line: # -*- coding: latin-1 -*-",
            origin=origin,
        ) from None
    if "\0" in text:
        raise LockFileError(
            "the file holds a NUL character, so it is no requirements file",
            hint="if it is UTF-16 text, save it as UTF-8",
            origin=Origin(file, text.count("\n", 0, text.index("\0")) + 1),
        )
    if not faithful:
        raise LockFileError(
            f"the file is not written the way {encoding} is usually written, so it could not be kept as it is",
            hint="save the file as UTF-8",
            origin=origin,
        )
    return Decoded(text, encoding)


def encode(text: str, encoding: str) -> bytes:
    """Return the bytes of ``text``; raises `InputError` where the encoding has no room for a character."""
    try:
        return text.encode(encoding)
    except (LookupError, ValueError) as error:
        raise InputError(
            f"the rewritten file cannot be stored as {encoding}: {_fault(error)}",
            hint="save the requirements file as UTF-8, or use an output directory with a plain ASCII path",
        ) from None


def _encoding(content: bytes) -> tuple[str, int | None]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, None
    for number, line in enumerate(content.split(b"\n", _CODING_LINES)[:_CODING_LINES], start=1):
        declared = _CODING_LINE.search(line) if line.startswith(b"#") else None
        if declared:
            return declared.group(1).decode("ascii"), number
    return "utf-8", None


def _fault(error: Exception) -> str:
    reason = getattr(error, "reason", None) or type(error).__name__
    start = getattr(error, "start", None)
    return str(reason) if start is None else f"{reason} at position {start}"


_COMMENT_START = re.compile(r"(?:^|(?<=\s))#")
_BYTE_ORDER_MARK = "\ufeff"


class LogicalLine(Struct, frozen=True):
    """A line as pip sees it, variables not yet expanded.

    number: of the first physical line, from 1. text: without comment and surrounding white space.
    """

    number: int
    text: str
    _parts: tuple[tuple[int, str], ...]  # contiguous in the file, with the place where each begins
    _shift: int

    __repr__ = repr_without("_parts", "_shift")  # the parts have the comments too

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the file the characters ``start`` to ``end`` (exclusive, not empty) stand.

        A span that crosses a line continuation holds the continuation.
        """
        return self._source(start), self._source(end - 1) + 1

    def _source(self, position: int) -> int:
        position += self._shift
        starts = list(accumulate((len(text) for _, text in self._parts), initial=0))[:-1]
        number = bisect_right(starts, position) - 1
        return self._parts[number][0] + position - starts[number]


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """Yield the lines of ``text`` that are neither empty nor comments."""
    number, source = 1, 0
    pending: list[tuple[int, str]] = []
    # Most lines of a lock are one digest each, and there may be thousands.
    for line, whole in zip(text.splitlines(), text.splitlines(keepends=True), strict=True):
        if source == 0 and line.startswith(_BYTE_ORDER_MARK):
            line, begin = line[1:], 1  # noqa: PLW2901
        else:
            begin = source
        source += len(whole)
        if "#" in line and line.lstrip().startswith("#"):
            # A comment even when it ends in a backslash, and even behind a continuation (pip sets a space
            # before it, so that "#" is not glued to a word).
            yield from _line(number, pending)
        elif not line.endswith("\\"):
            yield from _line(number, [*pending, (begin, line)])
        else:
            pending.append((begin + len(line) - len(line.lstrip("\\")), line.strip("\\")))
            continue
        number += len(pending) + 1
        pending = []
    yield from _line(number, pending)


def _line(number: int, parts: list[tuple[int, str]]) -> Iterator[LogicalLine]:
    whole = "".join([text for _, text in parts])
    comment = _COMMENT_START.search(whole) if "#" in whole else None
    if comment:
        whole = whole[: comment.start()]
    stripped = whole.strip()
    if stripped:
        shift = len(whole) - len(whole.lstrip())
        yield LogicalLine(number, stripped, tuple(parts), shift)


class Pin(Struct, frozen=True):
    """One exact version. arbitrary: ``===``, compared as text."""

    version: str
    arbitrary: bool = False

    def same(self, other: Pin) -> bool:
        """Return whether both stand for the same version."""
        return self.version == other.version or (
            same_version(self.version, other.version) and same_version(other.version, self.version)
        )

    def __str__(self) -> str:
        return f"{'===' if self.arbitrary else '=='}{self.version}"


def pin_of(name: str, specifier: str, origin: Origin) -> Pin | None:
    """Return the version that ``specifier`` pins, or None where it is a range or says nothing.

    Other clauses may stand beside the pin if they admit it (``==1.2,>=1``), as in pip. Raises
    `LockFileError` where two clauses contradict each other.
    """
    version = _only_version(specifier)
    if version:
        return Pin(version)
    clauses = _clauses(specifier)
    pins = [Pin(clause.version, clause.operator == "===") for clause in clauses if _exact(clause)]
    if not pins:
        return None
    pin = min(pins, key=lambda pin: (not pin.arbitrary, pin.version))
    if not all(pin.same(other) for other in pins) or not admits(specifier, pin):
        raise LockFileError(
            f"{name}{excerpt(specifier)} contradicts itself: no version fulfils it",
            hint="leave one exact version: name==version",
            origin=origin,
        )
    return pin


def admits(specifier: str, pin: Pin) -> bool:
    """Return whether the pinned version fulfils ``specifier``; pre-releases count, since it is pinned."""
    if not specifier or _only_version(specifier) == pin.version:
        return True
    try:
        return all(
            Pin(clause.version).same(pin)
            if clause.operator == "==="
            else clause.contains(pin.version, prereleases=True)
            for clause in _clauses(specifier)
        )
    except ValueError:  # of packaging, and for numbers beyond what `int` reads
        return False


#: Characters. Longer numbers are beyond what `int` reads.
_USUAL_LENGTH = 100


def _only_version(specifier: str) -> str:
    """Return the version of a specifier that is one pin as tools write it, "" of any other.

    A lock has hundreds of them, and to load what reads all specifiers takes as long as to read these.
    """
    version = specifier.removeprefix("==")
    usual = version.replace(".", "").isalnum() and version.isascii() and len(version) <= _USUAL_LENGTH
    return version if usual and len(version) < len(specifier) else ""


def _clauses(specifier: str) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  (most pins are plain)

    return SpecifierSet(specifier)


def unpinned(name: str, specifier: str, origin: Origin) -> LockFileError:
    """Return the error for a requirement that stands for no one version, with the reason."""
    if not specifier:
        problem = f"{name} is not pinned: it names no version"
    elif any(clause.operator == "==" for clause in _clauses(specifier)):
        problem = f"{name}{specifier} is not pinned: a wildcard stands for many versions"
    else:
        problem = f"{name}{specifier} is not pinned: it is a range of versions"
    return LockFileError(problem, hint=Hint.PIN_EXACTLY, origin=origin)


def _exact(clause: Specifier) -> bool:
    return clause.operator == "===" or (clause.operator == "==" and not clause.version.endswith(".*"))
