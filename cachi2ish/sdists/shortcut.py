"""The files of a ``.tar.gz`` that tell what it is, found without looking at the thousands beside it.

The standard library's reader makes an object of each member, which takes several times as long as
decompressing them. Here only lengths are read from the headers (POSIX.1-2024, pax and ustar interchange format)
and what stands at the place that is sought. Whatever is unusual is left to the careful reader: links, files
beside the one folder, every error, and all that readers do not agree on. An archive may be made so that two of
them see other files in it; pip's, which unpacks it, is tarfile, and tarfile takes a bad header for the end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Protocol
from zlib import adler32

from cachi2ish.files.inflate import InflateError
from cachi2ish.sdists.forward import Budget, Limits, TooLargeError
from cachi2ish.sdists.gzip_stream import BLOCK, GzipReader

if TYPE_CHECKING:
    from pathlib import Path

_END = bytes(BLOCK)  # two of them end an archive, and tarfile stops at the first

#: Bytes of an extended header; they hold a path and times.
_LONGEST_HEADER = 1 << 20

#: Headers of extended headers that are remembered, of an archive: they differ in nothing but the length of these.
_REMEMBERED = 64

_REGULAR = frozenset(b"0\x007")
_WITHOUT_CONTENT = frozenset(b"3456")  # devices, directories: whatever size they state
_DIRECTORY = ord("5")
_ROOT = frozenset({b"", b"."})  # names of the archive's own root
_EXTENDED, _GLOBAL, _LONG_NAME, _LONG_LINK = b"xgLK"
_OF_THE_NEXT = frozenset(b"xgLK")
_USUAL = frozenset(b"03456")

#: Extended headers before one member; tarfile calls itself for each of them.
_MOST_EXTENDED = 4

#: Mode, owner, group, size and time, and numbers of a device, as nearly all write them; others are looked at
#: singly.
_DIGITS = bytes.maketrans(b"01234567", b"0" * 8)
_PLAIN = b"0000000\0" * 3 + b"00000000000\0" * 2
_NO_DEVICE = frozenset({bytes(16), b"0000000\0" * 2})
_NUMBERS = ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345))

#: A number that every reader reads, and one in base 256: of owners and times, which do not matter here.
_NUMBER = re.compile(rb" *[0-7]*[ \0]*")
_OF_BASE_256 = re.compile(rb"[\x80\xff].*", re.DOTALL)

_DECIMAL = re.compile(rb"[0-9]{1,19}")

#: Keys of pax records that change what the next header says, or mean.
_CHANGING = re.compile(rb"(path|size)$|GNU\.sparse")

#: Parts of names that have to be normalised before they can be compared.
_UNUSUAL = re.compile(rb"^/|\.\.|\\|/\.?/|/\.$")


class UnusualError(Exception):
    """Something is best left to the careful reader."""


class QuickReader(Protocol):
    """What `find_members_at` does, wherever it is done."""

    def __call__(
        self, path: Path, folder: tuple[str, ...], names: Collection[str], budget: Budget
    ) -> dict[str, list[bytes]] | None:
        """Return the contents by name; None where it cannot be told by simple means."""
        ...


class _Overrides:
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


def find_members(
    file: IO[bytes], folder: tuple[str, ...], names: Collection[str], budget: Budget
) -> dict[str, list[bytes]] | None:
    """Return the contents of all regular files at ``*/folder/name`` of a gzipped tar archive, by name, in order.

    None where it cannot be told by simple means; that does not say that there is none.
    """
    endings = {_ending(*folder, name): name for name in names}
    found: dict[str, list[bytes]] = {name: [] for name in names}
    left = budget.limits.unpacked
    try:
        for ending, member in _search(GzipReader(file, budget), endings, budget.limits):
            found[endings[ending]].append(member)
            left -= len(member)
            if left < 0:
                return None
    except (UnusualError, InflateError, EOFError, TooLargeError, ValueError):
        return None
    return found


def _ending(*parts: str) -> bytes:
    return "/".join(("", *parts)).encode("utf-8", "surrogateescape")


def find_members_at(
    path: Path | bytes, folder: tuple[str, ...], names: Collection[str], budget: Budget
) -> dict[str, list[bytes]] | None:
    """The same for the archive at ``path``; None, too, where it cannot be opened."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (pathlib is slow to load)
            return find_members(file, folder, names, budget)
    except OSError:
        return None


def _search(content: GzipReader, endings: Collection[bytes], limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    overrides, tops = _Overrides(), set[bytes]()
    top = b"\0"  # with a slash behind it: of the last member, which is that of nearly all; this is of none
    suffixes, depth = tuple(endings), next(iter(endings)).count(b"/")  # they are of one folder
    lengths, extended = _Lengths(), 0  # how many extended headers stand before the next one
    for _ in range(limits.members):
        header = content.take(BLOCK)
        kind = header[156]
        if kind == _EXTENDED:
            extended += 1
            padded, length, first, last = lengths.of(header)
            blocks = content.take(padded)
            # Nearly all are one record, of a time.
            if not (blocks.startswith(first) and blocks.endswith(last) and blocks.find(b"\n") == length - 1):
                _extend(overrides, kind, blocks, length)
            continue
        if header == _END and not extended:
            return
        _check(header, extended)
        if kind in _OF_THE_NEXT:
            extended += 1
            length = _size(header, _LONGEST_HEADER)
            _extend(overrides, kind, content.take(length + -length % BLOCK), length)
            continue
        extended = 0
        name = _name(header) if overrides.name is None else overrides.name
        if not name.startswith(top) or not _is_usual(name, kind):
            tops.add(one := _top(name, kind))
            if len(tops - _ROOT) > 1:
                raise UnusualError
            top = one + b"/" if name.startswith(one + b"/") else b"\0"
        size = 0 if kind in _WITHOUT_CONTENT else overrides.size
        size = _size(header, limits.total) if size is None else size
        if kind in _REGULAR and name.endswith(suffixes) and _depth(name) == depth:
            if size > limits.metadata:
                raise UnusualError
            yield next(one for one in suffixes if name.endswith(one)), content.take_blocks(size)
        else:
            content.skip(size + -size % BLOCK)
        overrides.forget()
    raise UnusualError


class _Lengths:
    """How long the extended headers of an archive are."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[bytes, int, int, bytes, bytes]] = {}

    def of(self, header: bytes) -> tuple[int, int, bytes, bytes]:
        """Return the bytes that follow a header, those of records, and how they begin and end if of a time."""
        differing = header[124:156]
        if (known := self._known.get(differing)) is not None and known[0] == header:
            return known[1:]
        _check(header)
        length = _size(header, _LONGEST_HEADER)
        filler = -length % BLOCK
        answer = length + filler, length, b"%d mtime=" % length, b"\n" + bytes(filler)
        if len(self._known) < _REMEMBERED:
            self._known[differing] = header, *answer
        return answer


def _depth(name: bytes) -> int:
    return name.removeprefix(b"./").count(b"/")


def _is_usual(name: bytes, kind: int) -> bool:
    """Return whether `_top` would return what a name begins with; False, too, where it has to be asked."""
    text = str(name, "latin-1")  # in bytes, ``in`` takes five times as long
    if kind not in _USUAL or (text[-1] == "/" and kind != _DIRECTORY):
        return False
    # What `_UNUSUAL` finds; a dot may stand for itself.
    return "/." not in text and "//" not in text and ".." not in text and "\\" not in text


def _top(name: bytes, kind: int) -> bytes:
    top, slash, _ = name.removeprefix(b"./").partition(b"/")
    if kind not in _REGULAR and kind not in _WITHOUT_CONTENT:
        raise UnusualError
    if _UNUSUAL.search(name) or (not slash and kind != _DIRECTORY):
        raise UnusualError
    if kind in _REGULAR and name.endswith(b"/"):
        raise UnusualError
    return top


def _name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    if header[345]:  # the prefix of ustar
        name = header[345:500].partition(b"\0")[0] + b"/" + name
    if not name:
        raise UnusualError
    return name


def _size(header: bytes, most: int) -> int:
    """Return the size in a header that `_check` has looked at."""
    size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
    if size > most:
        raise UnusualError
    return size


def _check(header: bytes, extended: int = 0) -> None:
    # The lower half of Adler-32 is one more than the sum of the bytes, where that is below 65,521, as that of 512
    # bytes of ASCII is, and that of 256 others. It is found in a twentieth of the time that `sum` takes.
    if header.isascii():
        total = adler32(header) & 0xFFFF
    else:
        total = (adler32(header[:256]) & 0xFFFF) + (adler32(header[256:]) & 0xFFFF) - 1
    if total != _total(header[148:156]) or extended > _MOST_EXTENDED:
        raise UnusualError
    plain = header[100:148].translate(_DIGITS) == _PLAIN and header[329:345] in _NO_DEVICE
    if not plain and not (
        _NUMBER.fullmatch(header, 124, 136)
        and all(_NUMBER.fullmatch(header, *at) or _OF_BASE_256.fullmatch(header, *at) for at in _NUMBERS)
    ):
        raise UnusualError
    if not header[156] and header[:100].partition(b"\0")[0].endswith(b"/"):  # a folder, before they had a kind
        raise UnusualError


@lru_cache(8192)
def _total(field: bytes) -> int:
    """Return one more than the sum of a header with this checksum, which counts itself as spaces."""
    if not _NUMBER.fullmatch(field):
        raise UnusualError
    return int(field.strip(b"\0 "), 8) + 1 + sum(field) - 8 * ord(" ")


def _extend(overrides: _Overrides, kind: int, blocks: bytes, length: int) -> None:
    content = blocks[:length]
    if blocks[length:].strip(b"\0"):  # tarfile reads on there, until CPython 3.12
        raise UnusualError
    if kind == _LONG_NAME:
        overrides.rename(content.partition(b"\0")[0])
    elif kind != _LONG_LINK:
        for key, value in _records(content):
            if kind == _EXTENDED and key == b"path":
                overrides.rename(value)
            elif kind == _EXTENDED and key == b"size":
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
