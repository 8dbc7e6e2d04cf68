"""Inputs made from real ones: bytes flipped, cut, repeated and spliced, values of a tree exchanged.

Each change is decided by four bytes that hypothesis draws, so that it can leave changes out, one by one, until
what is left is what a failure needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

#: Bytes of an input: enough for what grows faster than it should to show.
_LARGEST = 1 << 16

#: What readers of numbers, of texts and of paths fall over.
_NUMBERS = (b"0", b"-1", b"1e999", b"9" * 30, b"2147483648", b"18446744073709551616", b"0x10", b"1_0", b"NaN", b"")
_BYTES = (b"\0", b"\n", b"\r", b"\t", b" ", b"\\", b'"', b"'", b"#", b"=", b"%", b"\xff", b"\x80", b"\xef\xbb\xbf")
_TEXTS = (
    b"../",
    b"/",
    b"\xed\xa0\x80",
    b"\xc2\x9b",
    b"\xe2\x80\xae",
    b"\x1b[0m",
    b"${HOME}",
    b"%(x)s",
    b"{",
    b"]",
)
_WORDS = (*_NUMBERS, *_BYTES, *_TEXTS)

_NUMBER = re.compile(rb"[0-9]+")
_TOKEN = re.compile(rb"[\w.-]+|\s+|[^\w\s]", re.ASCII)


@dataclass(frozen=True)
class _Using:
    """What a change is made of. pool: other inputs. words: what may be put anywhere."""

    random: Random
    pool: Sequence[bytes]
    words: Sequence[bytes]

    def span(self, content: bytes, most: int = 1 << 10) -> tuple[int, int]:
        """Return the begin and end of some piece, more often a short one."""
        at = self.random.randrange(len(content) + 1)
        return at, min(len(content), at + self.random.randrange(self.random.choice((2, 8, 64, most)) + 1))


_Change = Callable[[bytes, _Using], bytes]


def _flip(content: bytes, using: _Using) -> bytes:
    if not content:
        return content
    at = using.random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << using.random.randrange(8))]) + content[at + 1 :]


def _set(content: bytes, using: _Using) -> bytes:
    at, end = using.span(content, 4)
    return (
        content[:at]
        + bytes(using.random.choice((0, 0xFF, 0x7F, 0x80, using.random.randrange(256))) for _ in range(at, end))
        + content[end:]
    )


def _delete(content: bytes, using: _Using) -> bytes:
    at, end = using.span(content)
    return content[:at] + content[end:]


def _truncate(content: bytes, using: _Using) -> bytes:
    return content[: using.random.randrange(len(content) + 1)]


def _repeat(content: bytes, using: _Using) -> bytes:
    at, end = using.span(content)
    times = using.random.choice((1, 1, 1, 2, 8, 64, 1000, _LARGEST))
    return content[:end] + content[at:end] * min(times, _LARGEST // max(end - at, 1)) + content[end:]


def _insert(content: bytes, using: _Using) -> bytes:
    at = using.random.randrange(len(content) + 1)
    return content[:at] + using.random.choice(using.words) + content[at:]


def _overwrite(content: bytes, using: _Using) -> bytes:
    at = using.random.randrange(len(content) + 1)
    word = using.random.choice(using.words)
    return content[:at] + word + content[at + len(word) :]


def _splice(content: bytes, using: _Using) -> bytes:
    other = using.random.choice(using.pool)
    return content[: using.random.randrange(len(content) + 1)] + other[using.random.randrange(len(other) + 1) :]


def _copy(content: bytes, using: _Using) -> bytes:
    other = using.random.choice(using.pool)
    begin, end = using.span(other)
    at = using.random.randrange(len(content) + 1)
    return content[:at] + other[begin:end] + content[at:]


def _number(content: bytes, using: _Using) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    one = using.random.choice(found)
    return content[: one.start()] + using.random.choice(_NUMBERS) + content[one.end() :]


def _token(content: bytes, using: _Using) -> bytes:
    """Exchange a word, a space or a sign for another one of any seed, or for a word of the format."""
    found = list(_TOKEN.finditer(content))
    if not found:
        return content
    one = using.random.choice(found)
    others = _TOKEN.findall(using.random.choice((content, *using.pool)))
    return (
        content[: one.start()]
        + using.random.choice((using.random.choice(others or [b""]), using.random.choice(using.words)))
        + content[one.end() :]
    )


_CHANGES: tuple[_Change, ...] = (
    _flip,
    _set,
    _delete,
    _truncate,
    _repeat,
    _insert,
    _overwrite,
    _splice,
    _copy,
    _number,
    _token,
    _token,
    _token,
)


#: Bytes that decide one change; those of all are drawn at once, which is quicker than one after the other.
_ROLL = 4
_ROLLS = st.binary(max_size=8 * _ROLL).map(
    lambda drawn: tuple(drawn[at : at + _ROLL] for at in range(0, len(drawn), _ROLL))
)


def _changed(content: bytes, rolls: Sequence[bytes], pool: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    for roll in rolls:
        using = _Using(Random(roll), pool, words)
        content = using.random.choice(_CHANGES)(content, using)[:_LARGEST]
    return content


def changed(content: bytes, rolls: Sequence[bytes], pool: Sequence[bytes], words: Sequence[bytes | str]) -> bytes:
    """Return ``content`` with a change for each roll, of ``pool`` and of what the format is made of."""
    return _changed(content, rolls, pool, (*_WORDS, *map(_encoded, words), *map(_encoded, words)))


@st.composite
def bytes_like(draw: st.DrawFn, seeds: Sequence[bytes | str], words: Sequence[bytes | str] = ()) -> bytes:
    """Draw one of ``seeds`` with changes. words: what the format is made of; to be put anywhere."""
    pool = [_encoded(seed) for seed in seeds]
    return changed(draw(st.sampled_from(pool)), draw(_ROLLS), pool, words)


def text_like(seeds: Sequence[str], words: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Draw a text like ``seeds``; it may hold stray bytes as halves of surrogate pairs (PEP 383)."""
    return bytes_like(seeds, words).map(lambda content: content.decode("utf-8", "surrogateescape"))


def files_like(
    seeds: Mapping[str, Sequence[bytes | str]], words: Sequence[bytes | str] = ()
) -> st.SearchStrategy[dict[str, bytes]]:
    """Draw the contents of several files, some of which may be missing."""
    return st.fixed_dictionaries({}, optional={name: bytes_like(each, words) for name, each in seeds.items()})


def _encoded(seed: bytes | str) -> bytes:
    return seed if isinstance(seed, bytes) else seed.encode()


#: Values of other types and of other sizes than anybody expects.
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, 1.5, 1e308, -0.0, float("nan")),
    *(
        "",
        " ",
        "\0",
        "\n",
        "\x1b[2K",
        "\u202e",
        "\ud800",
        "..",
        "/",
        "/etc/passwd",
        "a" * 100_000,
        "1" * 5000,
        "é",
        "1e5",
    ),
    *([], {}, [[]], {"": ""}, [None], {"a": {"b": {}}}),
)


#: Places of a tree that are looked at: changes can make it grow by the power of their number.
_MOST_PLACES = 5000


def _trees(tree: Any) -> list[tuple[Any, Any]]:
    """Return each place of a tree: what holds it, and its key or number there."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting and len(found) < _MOST_PLACES:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        found += [(node, key) for key in keys]
        waiting += [node[key] for key in keys]
    return found


def _changed_tree(tree: Any, roll: bytes, pool: Sequence[Any]) -> Any:
    random = Random(roll)
    root = {"": tree}
    holder, key = random.choice(_trees(root))
    value = holder[key]
    match random.randrange(10):
        case 0 | 1:
            holder[key] = deepcopy(random.choice(_VALUES))
        case 2:  # the value of another place, of any seed
            other, name = random.choice(_trees({"": random.choice((root[""], *pool))}))
            holder[key] = deepcopy(other[name])
        case 3 if holder is not root:
            del holder[key]
        case 4:
            holder[key] = random.choice(([value], {"a": value}, [value, deepcopy(value)], [[value]]))
        case 5 if isinstance(holder, dict) and holder is not root:  # under the name of another place
            names = [name for _, name in _trees(random.choice((root[""], *pool))) if isinstance(name, str)]
            holder[random.choice(names or [""])] = value
        case 6 if isinstance(holder, list):
            holder[key:key] = [deepcopy(value) for _ in range(random.choice((1, 2, 100)))]
        case 7:
            holder[key] = random.choice(
                (f"{value}{value}", str(value)[:-1], f" {value}", f"{value}\0", str(value).upper())
            )
        case _ if isinstance(value, str):
            content = _changed(value.encode("utf-8", "surrogatepass"), (roll,), (b"",), _WORDS)
            holder[key] = content.decode("utf-8", random.choice(("replace", "surrogateescape")))
        case _:
            holder[key] = deepcopy(random.choice(_VALUES))
    return root[""]


@st.composite
def tree_like(draw: st.DrawFn, seeds: Sequence[Any]) -> Any:
    """Draw one of ``seeds``, which are as JSON has them, with values exchanged, moved, repeated and left out."""
    tree = deepcopy(draw(st.sampled_from(seeds)))
    for roll in draw(_ROLLS):
        tree = _changed_tree(tree, roll, seeds)
    return tree


@st.composite
def json_like(draw: st.DrawFn, seeds: Sequence[Any]) -> bytes:
    """Draw ``seeds`` as JSON, changed as trees, and seldom as bytes too."""
    tree = draw(tree_like(seeds))
    text = json.dumps(tree, ensure_ascii=draw(st.booleans()))
    content = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 3)) == 0:
        content = _changed(content, draw(_ROLLS), [json.dumps(one).encode() for one in seeds], _WORDS)
    return content


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
