"""Where the texts of a TOML document stand, which the standard library's reader does not say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from msgspec import Struct, field

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
    | (?P<long>\"{3}(?:[^"\\]|\\.|"(?!""))*\"{3,5} | '{3}(?:[^']|'(?!''))*'{3,5})
    | (?P<endless>\"{3}.* | '{3}.*)
    | (?P<short>"(?:[^"\\\n]|\\.)*" | '[^'\n]*')
    | (?P<unclosed>["'][^\n]*)
    | (?P<mark>[\[\]{}=,.\n])
    | (?P<bare>[^\s\[\]{}=,."'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)

_TEXTS = frozenset({"long", "short"})

#: From and to.
Span = tuple[int, int]


class TomlString(Struct, frozen=True):
    """A text of a document. path: the keys that lead to it, numbers for what stands in lists.

    span: of the text with its quotes. key, table: of the last key, and of the one of the table that it is in, as
    far as they are written there.
    """

    path: tuple[str | int, ...]
    value: str
    span: Span
    key: Span
    table: Span


class _Open(Struct):
    """A table or a list that has begun. number: of what comes next, for a list. named: where its key is."""

    path: tuple[str | int, ...] = ()
    named: Span = (0, 0)
    number: int | None = None


def strings_in(text: str) -> Iterator[TomlString]:
    """Yield the texts of a document, in their order; of one that is no TOML whatever looks like them."""
    counts: dict[tuple[str | int, ...], int] = {}
    walk = _Walk()
    tokens = _tokens(text)
    for kind, raw, span in tokens:
        if kind == "mark":
            if raw == "[" and walk.at_line_start:
                walk.top = _header(tokens, counts)
            else:
                walk.mark(raw)
        elif walk.in_value:
            if kind == "string":
                yield walk.string(raw, span)
        else:
            walk.keys.append((_plain(raw), span))


class _Walk(Struct):
    """Where a walk over the tokens of a document is. keys: of what is read, since the table or list began."""

    top: _Open = field(default_factory=_Open)
    opened: list[_Open] = field(default_factory=list)
    keys: list[tuple[str, Span]] = field(default_factory=list)
    after_equals: bool = False

    @property
    def here(self) -> _Open:
        """The innermost table or list."""
        return self.opened[-1] if self.opened else self.top

    @property
    def in_value(self) -> bool:
        """Whether what comes next is a value, and no key."""
        return self.after_equals or self.here.number is not None

    @property
    def at_line_start(self) -> bool:
        """Whether a header may come next."""
        return not (self.opened or self.keys or self.after_equals)

    def string(self, raw: str, span: Span) -> TomlString:
        """Return a text, as it is written."""
        key = self.keys[-1][1] if self.keys else self.here.named
        table = self.keys[-2][1] if len(self.keys) > 1 else self.here.named
        return TomlString(self._path(), _plain(raw), span, key, table)

    def mark(self, raw: str) -> None:
        """Take a mark into account that is no part of a text or a key."""
        here = self.here
        if raw == "=":
            self.after_equals = True
        elif raw in "[{":
            named = self.keys[-1][1] if self.keys else here.named
            self.opened.append(_Open(self._path(), named, 0 if raw == "[" else None))
            self._begin()
        elif raw in "]}":
            del self.opened[-1:]
            self._begin()
        elif raw == "," and here.number is not None:
            here.number += 1
        elif raw == "," or (raw == "\n" and not self.opened):
            self._begin()

    def _begin(self) -> None:
        self.keys, self.after_equals = [], False

    def _path(self) -> tuple[str | int, ...]:
        number = () if self.here.number is None else (self.here.number,)
        return (*self.here.path, *number, *(key for key, _ in self.keys))


def _header(tokens: Iterator[tuple[str, str, Span]], counts: dict[tuple[str | int, ...], int]) -> _Open:
    """Return the table whose header begins, ``[`` being read. counts: of the tables of each list so far."""
    depth, keys = 1, list[tuple[str, Span]]()
    for kind, raw, span in tokens:
        if raw == "[":
            depth += 1
        elif kind in {"string", "bare"}:
            keys.append((_plain(raw), span))
        elif raw in "]\n":
            break
    path: tuple[str | int, ...] = ()
    for place, (key, _) in enumerate(keys, 1):
        path = (*path, key)
        if place == len(keys) and depth > 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    for _, raw, _ in tokens:
        if raw == "\n":
            break
    return _Open(path, keys[-1][1] if keys else (0, 0))


def _tokens(text: str) -> Iterator[tuple[str, str, Span]]:
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind in _TEXTS:
            yield "string", found.group(), found.span()
        elif kind in {"mark", "bare"}:
            yield kind, found.group(), found.span()


def _plain(raw: str) -> str:
    if raw[0] not in "\"'":
        return raw
    if raw[:3] not in {'"""', "'''"} and (raw[0] == "'" or "\\" not in raw):
        return raw[1:-1]
    try:
        return str(tomllib.loads(f"x = {raw}")["x"])
    except tomllib.TOMLDecodeError:
        return raw
