"""Members that differ from those before them in nothing but name, size and time: nearly all of an archive."""

from __future__ import annotations

import re
from collections.abc import Collection
from struct import Struct

from cachi2ish.files.inflate import adler32
from cachi2ish.sdists.gzip_stream import BLOCK
from cachi2ish.sdists.tar_headers import (
    DIGITS,
    DIRECTORY,
    NEVER_READ,
    PLAIN,
    REGULAR,
    SUM_OF_SUM,
    UnusualError,
    sum_of,
)

_ROOT = frozenset({b"", b"."})  # names of the archive's own root

#: What no name begins with.
_NO_TOP = "\0"

#: Links of an archive that is read by simple means; few have more than one.
_MOST_LINKS = 100

#: Parts of names that have to be normalised before they can be compared.
_UNUSUAL = re.compile(rb"^/|\.\.|\\|/\.?/|/\.$")

#: Extended headers of an archive that are remembered: they differ in nothing but the length of the time in them.
_REMEMBERED = 64

#: Of a header: the name, the numbers in front of the sum, and the sum. What follows is the same for nearly all.
_VARYING = Struct("100s48s6s").unpack_from
_REST = 154

#: Where the fields of a header begin; those for the size, the time and the sum stand before the kind.
_SIZE, _KIND, _PREFIX = 124, 156, 345

#: The digits of the size in the numbers of `_VARYING`.
_SIZE_DIGITS = slice(24, 35)

#: A mask: a file takes whole blocks. A folder takes none, whatever size it states: all readers skip nothing there.
_ROUND_UP = -BLOCK
_NOTHING = 0

#: How the rest begins: with what stands behind the digits of the sum.
_BEHIND_SUM = b"\0 "

_FILE = ord("0")

#: A rest, its sum and a mask until a header was learned. The rest is longer than a header, so that none ends with
#: it. A piece may have so many zeros, but the sum is below zero, which no header states.
_NO_REST = bytes(BLOCK + 1), -(1 << 20), _NOTHING


class Names:
    """The names of an archive: all are below one folder, and none is behind or over a link, since pip makes these.

    top: how names begin that say nothing new, with a slash at the end; what no name begins with where each has to
    be taken in. wanted: those of them where something is to be found.
    """

    def __init__(self, endings: Collection[bytes]) -> None:
        self.top = _NO_TOP
        self.wanted = frozenset[str]()
        self._endings = [one.decode("latin-1") for one in endings]
        self._last = {one.rpartition(b"/")[2] for one in endings}
        self._tops = set[bytes]()
        self._links = set[tuple[bytes, ...]]()

    def take(self, name: bytes, kind: int, size: int) -> None:
        """Take in the name of a member, and the ``size`` that it states; raises `UnusualError`."""
        is_folder = kind == DIRECTORY
        if _UNUSUAL.search(name) or not (is_folder or kind in REGULAR or kind in NEVER_READ):
            raise UnusualError
        below = name.removeprefix(b"./")
        top, slash, _ = below.partition(b"/")
        self._tops.add(top)
        if not is_folder and (not slash or name.endswith(b"/")):
            raise UnusualError
        if len(self._tops) > 1 and len(self._tops - _ROOT) > 1:
            raise UnusualError
        if kind in NEVER_READ or self._links:
            self.top = _NO_TOP
            self._take_beside_links(tuple(below.rstrip(b"/").split(b"/")), kind, size)
        elif top and slash and self.top == _NO_TOP:
            self.top = (name[: len(name) - len(below)] + top + slash).decode("latin-1")
            self.wanted = frozenset(self.top + one[1:] for one in self._endings)

    def _take_beside_links(self, parts: tuple[bytes, ...], kind: int, size: int) -> None:
        if any(parts[:depth] in self._links for depth in range(1, len(parts) + 1)):
            raise UnusualError
        if kind in NEVER_READ:
            self._links.add(parts)
            if size or parts[-1] in self._last or len(self._links) > _MOST_LINKS:
                raise UnusualError


class UsualMembers:
    """Passes over members whose headers are as those that were looked at closely, and no others.

    One at a time is looked at with as few calls as possible, and none of a function of ours: there are thousands.
    names: those of the archive. passed: how many members there were.
    """

    def __init__(self, names: Names) -> None:
        self.passed = 0
        self._names = names
        self._extended: dict[bytes, tuple[bytes, int, bytes]] = {}
        self._file = self._folder = _NO_REST

    def learn_extended(self, header: bytes, blocks: bytes, length: int) -> None:
        """Take in an extended header that was found sound, and the ``blocks`` behind it."""
        begin = b"%d mtime=" % length  # nearly all are one record, of a time
        if len(blocks) == BLOCK and blocks.startswith(begin) and len(self._extended) < _REMEMBERED:
            end = b"\n" + bytes(BLOCK - length)
            self._extended[header[_SIZE:_KIND]] = header + begin, BLOCK + length - 1, end

    def learn(self, header: bytes) -> None:
        """Take in a header that was found sound."""
        kind = header[_KIND]
        known = self._folder if kind == DIRECTORY else self._file
        if header.endswith(known[0]) or header[_PREFIX] or not header.startswith(_BEHIND_SUM, _REST):
            return  # the prefix would be a first part of the name
        rest = header[_REST:], sum_of(header[_KIND:]) + SUM_OF_SUM - 1  # Adler-32 is one too many
        if kind == _FILE:
            self._file = *rest, _ROUND_UP
        elif kind == DIRECTORY:
            self._folder = *rest, _NOTHING

    def pass_over(self, piece: bytes, at: int, end: int) -> int:
        """Return where the first member of a ``piece`` begins that is not as others were, or not whole.

        at: where the first of all begins. end: of the piece. What is returned may lie behind it, within a member.
        """
        known, file, folder = self._extended.get, self._file, self._folder
        top, wanted = self._names.top, self._names.wanted
        passed = 0
        while at + 3 * BLOCK <= end:
            header = at
            if (extended := known(piece[at + _SIZE : at + _KIND])) is not None:
                begin, end_at, end_of_record = extended
                if not (piece.startswith(begin, at) and piece.startswith(end_of_record, at + end_at)):
                    break
                header += 2 * BLOCK
            field, numbers, total = _VARYING(piece, header)
            name = field.partition(b"\0")[0].decode("latin-1")
            rest, total_of_rest, mask = folder if name.endswith("/") else file
            if (
                not piece.startswith(rest, header + _REST)
                or numbers.translate(DIGITS) != PLAIN
                or not total.isdigit()
                or (adler32(numbers, adler32(field)) & 0xFFFF) + total_of_rest != int(total, 8)
            ):
                break
            if (
                not name.startswith(top)
                or name in wanted
                or ("/." in name and ("/./" in name or name.endswith("/.")))
                or "//" in name
                or ".." in name
                or "\\" in name
            ):
                break
            at = header + BLOCK + ((int(numbers[_SIZE_DIGITS], 8) + BLOCK - 1) & mask)
            passed += 1
        self.passed += passed
        return at
