"""The files of a ``.tar.gz`` that tell what it is, found without looking at the thousands beside it.

The standard library's reader makes an object of each member, which takes several times as long as
decompressing them. Here only lengths are read from the headers, and what stands at the place that is sought.
Whatever is unusual is left to the careful reader: files beside the one folder or behind links, every error, and
all that readers do not agree on. An archive may be made so that two of them see other files in it; pip's, which
unpacks it, is tarfile, and tarfile takes a bad header for the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import IO, TYPE_CHECKING, Protocol

from cachi2ish.files.inflate import InflateError
from cachi2ish.sdists.forward import Budget, Limits, TooLargeError
from cachi2ish.sdists.gzip_stream import BLOCK, GzipReader
from cachi2ish.sdists.tar_headers import (
    EXTENDED,
    LONGEST_HEADER,
    OF_THE_NEXT,
    REGULAR,
    Overrides,
    UnusualError,
    check,
    extend,
    name_of,
    size_of,
)
from cachi2ish.sdists.usual_members import Names, UsualMembers

if TYPE_CHECKING:
    from pathlib import Path

_END = bytes(BLOCK)  # two of them end an archive, and tarfile stops at the first


class QuickReader(Protocol):
    """What `find_members_at` does, wherever it is done."""

    def __call__(
        self, path: Path, folder: tuple[str, ...], names: Collection[str], budget: Budget
    ) -> dict[str, list[bytes]] | None:
        """Return the contents by name; None where it cannot be told by simple means."""
        ...


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
    names, overrides = Names(endings), Overrides()
    usual = UsualMembers(names)
    suffixes, depth = tuple(endings), next(iter(endings)).count(b"/")  # they are of one folder
    headers = extended = 0  # that were looked at singly, and extended ones before the next
    while headers + usual.passed < limits.members:
        if not extended:
            content.pass_over(usual.pass_over)
        headers += 1
        header = content.take(BLOCK)
        kind = header[156]
        if header == _END and not extended:
            return
        check(header, extended)
        if kind in OF_THE_NEXT:
            extended += 1
            length = size_of(header, LONGEST_HEADER)
            blocks = content.take(length + -length % BLOCK)
            extend(overrides, kind, blocks, length)
            if kind == EXTENDED:
                usual.learn_extended(header, blocks, length)
            continue
        extended = 0
        name = name_of(header) if overrides.name is None else overrides.name
        size = size_of(header, limits.total) if overrides.size is None else overrides.size
        names.take(name, kind, size)
        usual.learn(header)
        if kind in REGULAR and name.endswith(suffixes) and _depth(name) == depth:
            if size > limits.metadata:
                raise UnusualError
            yield next(one for one in suffixes if name.endswith(one)), content.take_blocks(size)
        elif kind in REGULAR:
            content.skip(size + -size % BLOCK)
        overrides.forget()
    raise UnusualError


def _depth(name: bytes) -> int:
    return name.removeprefix(b"./").count(b"/")
