"""What the header of one member of a tar archive says, where all readers understand it alike.

Only what tells how an archive goes on is read (POSIX.1-2024, pax and ustar interchange format). Whatever readers
do not agree on is an `UnusualError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cachi2ish.files.inflate import adler32

#: Bytes of an extended header; they hold a path and times.
LONGEST_HEADER = 1 << 20

#: Kinds of members. Links, devices and pipes are never read.
REGULAR = frozenset(b"0\x007")
DIRECTORY = ord("5")
NEVER_READ = frozenset(b"12346")
EXTENDED, _GLOBAL, _LONG_NAME, _LONG_LINK = b"xgLK"
OF_THE_NEXT = frozenset(b"xgLK")

#: Extended headers before one member; tarfile calls itself for each of them.
_MOST_EXTENDED = 4

#: Mode, owner, group, size and time, and numbers of a device, as nearly all write them; others are looked at
#: singly.
DIGITS = bytes.maketrans(b"01234567", b"0" * 8)
PLAIN = b"0000000\0" * 3 + b"00000000000\0" * 2

#: What the sum of a header takes its own field for: spaces.
SUM_OF_SUM = 8 * ord(" ")

_NO_DEVICE = frozenset({bytes(16), b"0000000\0" * 2})
_NUMBERS = ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345))

#: A number that every reader reads, and one in base 256: of owners and times, which do not matter here.
_NUMBER = re.compile(rb" *[0-7]*[ \0]*")
_OF_BASE_256 = re.compile(rb"[\x80\xff].*", re.DOTALL)

_DECIMAL = re.compile(rb"[0-9]{1,19}")

#: Keys of pax records that change what the next header says, or mean.
_CHANGING = re.compile(rb"(path|size)$|GNU\.sparse")


class UnusualError(Exception):
    """Something is best left to the careful reader."""


class Overrides:
    """What extended headers have said of the next member."""

    __slots__ = ("name", "size")

    def __init__(self) -> None:
        self.name: bytes | None = None
        self.size: int | None = None

    def rename(self, name: bytes) -> None:
        """Take in a name; which of two counts, readers do not agree on, nor where one with a NUL ends."""
        if self.name is not None or b"\0" in name:
            raise UnusualError
        self.name = name

    def forget(self) -> None:
        """Begin anew, for another member."""
        self.name = self.size = None

    def resize(self, size: bytes) -> None:
        """Take in a size, likewise."""
        if self.size is not None or not _DECIMAL.fullmatch(size):
            raise UnusualError
        self.size = int(size)


def name_of(header: bytes) -> bytes:
    """Return the name in a header."""
    name = header[:100].partition(b"\0")[0]
    if header[345]:  # the prefix of ustar
        name = header[345:500].partition(b"\0")[0] + b"/" + name
    if not name:
        raise UnusualError
    return name


def size_of(header: bytes, most: int) -> int:
    """Return the size in a header that `check` has looked at."""
    size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
    if size > most:
        raise UnusualError
    return size


def check(header: bytes, extended: int = 0) -> None:
    """Raise `UnusualError` for what not everybody takes for a sound header; ``extended`` ones stand before it."""
    total = sum_of(header[:148]) + SUM_OF_SUM + sum_of(header[156:])
    if total != _sum_field(header[148:156]) or extended > _MOST_EXTENDED:
        raise UnusualError
    plain = header[100:148].translate(DIGITS) == PLAIN and header[329:345] in _NO_DEVICE
    if not plain and not (
        _NUMBER.fullmatch(header, 124, 136)
        and all(_NUMBER.fullmatch(header, *at) or _OF_BASE_256.fullmatch(header, *at) for at in _NUMBERS)
    ):
        raise UnusualError
    if not header[156] and header[:100].partition(b"\0")[0].endswith(b"/"):  # a folder, before they had a kind
        raise UnusualError


def sum_of(part: bytes) -> int:
    """Return the sum of the bytes of a part of a header."""
    # The lower half of Adler-32 is one more, where that is below 65,521, as it is for 256 bytes. It is found in a
    # twentieth of the time that `sum` takes.
    return (adler32(part[:256]) & 0xFFFF) + (adler32(part[256:]) & 0xFFFF) - 2


def _sum_field(field: bytes) -> int:
    """Return the sum that a header states in this field; raises `UnusualError`."""
    if not _NUMBER.fullmatch(field):
        raise UnusualError
    return int(field.strip(b"\0 "), 8)


def extend(overrides: Overrides, kind: int, blocks: bytes, length: int) -> None:
    """Take in what an extended header, or a global one, has in ``length`` bytes of its blocks."""
    content = blocks[:length]
    if blocks[length:].strip(b"\0"):  # tarfile reads on there, until CPython 3.12
        raise UnusualError
    if kind == _LONG_NAME:
        overrides.rename(content.partition(b"\0")[0])
    elif kind != _LONG_LINK:
        for key, value in _records(content):
            if kind == EXTENDED and key == b"path":
                overrides.rename(value)
            elif kind == EXTENDED and key == b"size":
                overrides.resize(value)
            elif _CHANGING.match(key):
                raise UnusualError
        if b"hdrcharset" in content:  # which tarfile looks for everywhere, until CPython 3.12
            raise UnusualError


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    while content:
        digits = content.partition(b" ")[0]
        if not _DECIMAL.fullmatch(digits):
            raise UnusualError
        length = int(digits)
        record, content = content[:length], content[length:]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if len(record) != length or not key or not equals or not value.endswith(b"\n"):
            raise UnusualError
        yield key, value[:-1]
