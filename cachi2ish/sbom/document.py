"""What documents of both formats share: their text, names that hold in one document, times not the clock's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from pydantic import JsonValue

#: A JSON object of a shape that is somebody else's.
JsonObject: TypeAlias = "dict[str, JsonValue]"

#: So many pieces of a document are put together at once.
_PIECES = 10_000

#: Spaces of each level of a document.
_INDENT = 2


def without_empty(**fields: JsonValue) -> JsonObject:
    """Return an object of these fields: without what is not stated (None), and without empty lists."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def canonical(value: JsonValue) -> str:
    """Return the one text of ``value``, on one line: equal values have equal texts."""
    return json.dumps(value, sort_keys=True)


def document_text(content: JsonObject) -> str:
    """Return a document as it is written into a file."""
    pieces = json.JSONEncoder(indent=_INDENT, sort_keys=True).iterencode(content)
    # Each word is a piece: all of them at once would weigh six times as much as the text.
    parts = iter(lambda: "".join(islice(pieces, _PIECES)), "")
    return "".join(parts) + "\n"


#: Makes a name of the pieces of a text.
Naming: TypeAlias = "Callable[[Iterable[bytes]], str]"

#: Yields the parts of a list, the same at each call.
Parts: TypeAlias = "Callable[[], Iterator[JsonObject]]"


def named_text(content: JsonObject, field: str, name_of: Naming) -> str:
    """Return what `named_pieces` yields, as one text."""
    return "".join(named_pieces(content, field, name_of, {}))


def named_pieces(content: JsonObject, field: str, name_of: Naming, parts: Mapping[str, Parts]) -> Iterator[str]:
    """Yield the text of a document whose name follows from the rest, with no numbers but small whole ones.

    field: at the top; what ``name_of`` makes of the `canonical` text takes the place of what stands there. It is
    `document_text`, at a fifth of the time, and not whole in memory: a bill of thousands of files has some
    megabytes. But one with anything in it that is not ASCII is one piece: the standard library escapes that, and
    msgspec does not. parts: lists at the top beside ``content``, which are made twice and never kept.
    """
    whole: Mapping[str, object] = {**content, **parts}
    try:
        name = name_of(map(_unescaped, _pieces(whole, indent=0)))
    except (_EscapedError, UnicodeEncodeError):  # the latter for half of a surrogate pair
        content = content | {key: [*made()] for key, made in parts.items()}
        yield document_text(content | {field: name_of((canonical(content).encode(),))})
    else:
        yield from (piece.decode() for piece in _pieces({**whole, field: name}, indent=_INDENT))
        yield "\n"


class _EscapedError(Exception):
    """A piece has characters that the standard library escapes, and msgspec does not."""


def _pieces(content: Mapping[str, object], *, indent: int) -> Iterator[bytes]:
    """Yield the JSON of ``content``, sorted. What is in a list at the top is a piece of its own."""
    first, later, margin = b"\n" if indent else b"", b",\n" if indent else b", ", b" " * indent
    yield b"{"
    for number, (key, value) in enumerate(sorted(content.items())):
        yield b"%b%b%b: " % (later if number else first, margin, msgspec.json.encode(key))
        if callable(value) or isinstance(value, list):
            empty = True
            for one in value() if callable(value) else value:
                yield b"%b%b" % (b"[" + first if empty else later, _laid_out(one, indent, margin * 2))
                empty = False
            yield b"[]" if empty else b"%b%b]" % (first, margin)
        else:
            yield _laid_out(value, indent, margin).removeprefix(margin)
    yield (first if content else b"") + b"}"


def _laid_out(value: object, indent: int, margin: bytes) -> bytes:
    """Return the JSON of ``value``, each line behind ``margin``."""
    text = msgspec.json.format(_sorted(value), indent=indent)
    return margin + text.replace(b"\n", b"\n" + margin) if indent else text


def _unescaped(piece: bytes) -> bytes:
    """Return ``piece`` where the standard library writes the same; raises `_EscapedError`."""
    if not piece.isascii() or b"\x7f" in piece:
        raise _EscapedError
    return piece


def _sorted(content: object) -> bytes:
    return msgspec.json.encode(content, order="sorted")


#: What SPDX documents say that were created at no particular time; the SBOM tools of Konflux write the same.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_the_second(instant: datetime) -> str:
    """Return ``instant`` (aware) as SPDX writes it: UTC, to the second, with ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def latest(texts: Iterable[str | None]) -> datetime | None:
    """Return the latest of the RFC 3339 instants; None where there is none later than `EPOCH`."""
    found = [instant for text in texts if text and (instant := _instant(text))]
    last = max(found, default=EPOCH)
    return last if last > EPOCH else None


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def unique(candidate: str, taken: set[str], separator: str = "-") -> str:
    """Return ``candidate``, with a number behind it where that is in ``taken``; and take it."""
    number, name = 1, candidate
    while name in taken:
        number += 1
        name = f"{candidate}{separator}{number}"
    taken.add(name)
    return name


def renamed(
    value: JsonValue,
    names: Mapping[str, str],
    fields: frozenset[str],
    word: re.Pattern[str],
    *,
    named: bool = False,
) -> JsonValue:
    """Return ``value`` with the names changed that stand, at any depth, in one of ``fields``.

    word: what may be a name in such a text. named: whether ``value`` itself is that of such a field.
    """
    if isinstance(value, dict):
        return {key: renamed(each, names, fields, word, named=key in fields) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, names, fields, word, named=named) for each in value]
    if isinstance(value, str) and named:
        return word.sub(lambda found: names.get(found[0], found[0]), value)
    return value


def values_of(value: JsonValue, field: str) -> Iterator[str]:
    """Yield the texts that stand, at any depth, in ``field``."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == field and isinstance(each, str):
                yield each
            else:
                yield from values_of(each, field)
    elif isinstance(value, list):
        for each in value:
            yield from values_of(each, field)
