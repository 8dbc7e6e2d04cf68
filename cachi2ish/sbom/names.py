"""Names that hold within one document: handed out once, and changed where two documents become one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue


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
