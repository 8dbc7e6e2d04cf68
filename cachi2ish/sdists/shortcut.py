"""The files of a ``.tar.gz`` that tell what it is, found without looking at the thousands beside it.

The standard library's reader makes an object of each member, which takes several times as long as
decompressing them. Here only lengths are read from the headers (POSIX.1-2024, pax and ustar interchange format)
and what stands at the place that is sought. Whatever is unusual is left to the careful reader: links and files
beside the one folder, and every error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Protocol
from zlib import adler32

from cachi2ish.files.inflate import InflateError
from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.inflated import BLOCK, Inflated, UnusualError

if TYPE_CHECKING:
    from pathlib import Path

_END = bytes(BLOCK)  # two of them end an archive, and tarfile stops at the first

#: Bytes of an extended header; they hold a path and times.
_LONGEST_HEADER = 1 << 20

#: Headers of extended headers that are remembered, of an archive: they differ in nothing but the length of these.
_REMEMBERED = 64

_REGULAR = frozenset(b"0\x007")
_WITHOUT_CONTENT = frozenset(b"123456")  # links, devices, directories: whatever size they state
_DIRECTORY = ord("5")
_ROOT = frozenset({b"", b"."})  # names of the archive's own root
_EXTENDED, _GLOBAL, _LONG_NAME, _LONG_LINK = b"xgLK"
_OF_THE_NEXT = frozenset(b"xgLK")
_AFTER_NUMBERS = frozenset(b"\0 ")
_USUAL = frozenset(b"0123456")

#: Parts of pax records that change what the next header says, or mean.
_CHANGING = re.compile(rb"path=|size=|GNU\.sparse|hdrcharset=")


#: Parts of names that have to be normalised before they can be compared.
_UNUSUAL = re.compile(rb"^/|\.\.|\\|/\.?/")


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
        """Take in a name; which of two counts, readers do not agree on."""
        if self.name is not None:
            raise UnusualError
        self.name = name

    def forget(self) -> None:
        """Begin anew, for another member."""
        self.name = self.size = None

    def resize(self, size: int) -> None:
        """Take in a size, likewise."""
        if self.size is not None or size < 0:
            raise UnusualError
        self.size = size


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
        for ending, member in _search(Inflated(file, budget), endings, budget.limits):
            found[endings[ending]].append(member)
            left -= len(member)
            if left < 0:
                return None
    except (UnusualError, InflateError, ValueError):
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


def _search(content: Inflated, endings: Collection[bytes], limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    overrides, tops = _Overrides(), set[bytes]()
    top = b"\0"  # with a slash behind it: of the last member, which is that of nearly all; this is of none
    suffixes, depth = tuple(endings), next(iter(endings)).count(b"/")  # they are of one folder
    lengths = _Lengths()
    for _ in range(limits.members):
        header = content.take(BLOCK)
        kind = header[156]
        if kind == _EXTENDED:
            length, usual = lengths.of(header)
            records = content.take_blocks(length)
            # Nearly all are one record, of a time.
            if not records.startswith(usual) or records.find(b"\n") != length - 1:
                _extend(overrides, kind, records)
            continue
        if header == _END:
            return
        _check(header)
        if kind in _OF_THE_NEXT:
            _extend(overrides, kind, content.take_blocks(_size(header, _LONGEST_HEADER)))
            continue
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
        self._known: dict[bytes, tuple[bytes, int, bytes]] = {}

    def of(self, header: bytes) -> tuple[int, bytes]:
        """Return the length of what follows a header, and how that begins if it is one record, of a time."""
        differing = header[124:156]
        if (known := self._known.get(differing)) is not None and known[0] == header:
            return known[1:]
        _check(header)
        length = _size(header, _LONGEST_HEADER)
        usual = b"%d mtime=" % length
        if len(self._known) < _REMEMBERED:
            self._known[differing] = header, length, usual
        return length, usual


def _depth(name: bytes) -> int:
    return name.removeprefix(b"./").count(b"/")


def _is_usual(name: bytes, kind: int) -> bool:
    """Return whether `_top` would return what a name begins with; False, too, where it has to be asked."""
    text = str(name, "latin-1")  # in bytes, ``in`` takes five times as long
    # What `_UNUSUAL` finds; a dot may stand for itself.
    return kind in _USUAL and "/." not in text and "//" not in text and ".." not in text and "\\" not in text


def _top(name: bytes, kind: int) -> bytes:
    top, slash, _ = name.removeprefix(b"./").partition(b"/")
    if kind not in _REGULAR and kind not in _WITHOUT_CONTENT:
        raise UnusualError
    if _UNUSUAL.search(name) or (not slash and kind != _DIRECTORY):
        raise UnusualError
    if kind == 0 and name.endswith(b"/"):  # a folder, before there was a kind for it
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
    try:
        size = int(header[124:135], 8)  # digits, and one byte behind them, as nearly all write it
        if header[135] not in _AFTER_NUMBERS:
            size = int(header[124:136], 8)
    except ValueError:
        size = int(header[124:136].strip(b"\0 ") or b"0", 8)
    if not 0 <= size <= most:
        raise UnusualError
    return size


def _check(header: bytes) -> None:
    # The lower half of Adler-32 is one more than the sum of the bytes, where that is below 65,521, as that of 512
    # bytes of ASCII is, and that of 256 others. It is found in a twentieth of the time that `sum` takes.
    if header.isascii():
        total = adler32(header) & 0xFFFF
    else:
        total = (adler32(header[:256]) & 0xFFFF) + (adler32(header[256:]) & 0xFFFF) - 1
    if total != _total(header[148:156]):
        raise UnusualError


@lru_cache(8192)
def _total(field: bytes) -> int:
    """Return one more than the sum of a header with this checksum, which counts itself as spaces."""
    return int(field.strip(b"\0 "), 8) + 1 + sum(field) - 8 * ord(" ")


def _extend(overrides: _Overrides, kind: int, content: bytes) -> None:
    if kind == _LONG_NAME:
        overrides.rename(content.partition(b"\0")[0])
    elif kind != _LONG_LINK and _CHANGING.search(content):
        if kind == _GLOBAL:
            raise UnusualError
        for key, value in _records(content):
            if key == b"path":
                overrides.rename(value)
            elif key == b"size":
                overrides.resize(int(value))
            elif key.startswith(b"GNU.sparse") or key == b"hdrcharset":
                raise UnusualError


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    while content:
        length = int(content.partition(b" ")[0])
        record, content = content[:length], content[length:]
        key, equals, value = record.partition(b" ")[2].partition(b"=")
        if length <= 0 or not equals or not value.endswith(b"\n"):
            raise UnusualError
        yield key, value[:-1]
