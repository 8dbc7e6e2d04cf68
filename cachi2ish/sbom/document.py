"""What documents of both formats share: their text, names that hold in one document, times not the clock's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Raw

if TYPE_CHECKING:
    from pydantic import JsonValue

#: A JSON object of a shape that is somebody else's.
JsonObject: TypeAlias = "dict[str, JsonValue]"

#: The same, or the text of it.
Part: TypeAlias = "JsonObject | Raw"

#: So many pieces of a document are put together at once.
_PIECES = 10_000


def without_empty(**fields: JsonValue) -> JsonObject:
    """Return an object of these fields: without what is not stated (None), and without empty lists."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def canonical(value: JsonValue) -> str:
    """Return the one text of ``value``, on one line: equal values have equal texts."""
    return json.dumps(value, sort_keys=True)


def document_text(content: JsonObject) -> str:
    """Return a document as it is written into a file."""
    pieces = json.JSONEncoder(indent=2, sort_keys=True).iterencode(content)
    # Each word is a piece: all of them at once would weigh six times as much as the text.
    parts = iter(lambda: "".join(islice(pieces, _PIECES)), "")
    return "".join(parts) + "\n"


def packed(part: JsonObject) -> Part:
    """Return a part of a document as it will be written, in an eighth of the memory; for `named_text`."""
    try:
        return Raw(_sorted(part))
    except UnicodeEncodeError:
        return part


def named_text(
    content: JsonObject, field: str, name_of: Callable[[bytes], str], parts: Mapping[str, list[Part]] | None = None
) -> str:
    """Return the text of a document whose name follows from the rest of it, with no numbers but small whole ones.

    field: at the top; what ``name_of`` makes of the `canonical` text takes the place of what stands there. It is
    `document_text`, at a fifth of the time. parts: lists at the top beside ``content``, some of them `packed`.
    """
    whole = _encoded({**content, **(parts or {})})
    if whole is None:
        content = content | {key: [_unpacked(one) for one in value] for key, value in (parts or {}).items()}
        return document_text(content | {field: name_of(canonical(content).encode())})
    named = {**content, **(parts or {}), field: name_of(msgspec.json.format(whole, indent=0))}
    text = msgspec.json.format(_sorted(named), indent=2).decode()
    del named, whole  # a bill of thousands weighs some megabytes
    text += "\n"
    return text


def _unpacked(part: Part) -> JsonObject:
    if not isinstance(part, Raw):
        return part
    content: JsonObject = msgspec.json.decode(part)
    return content


def _sorted(content: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(content, order="sorted")


def _encoded(content: Mapping[str, object]) -> bytes | None:
    """Return the JSON of ``content``, sorted; None where the standard library would write some of it otherwise."""
    try:
        whole = _sorted(content)
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return whole if whole.isascii() and b"\x7f" not in whole else None  # the standard library escapes these


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
