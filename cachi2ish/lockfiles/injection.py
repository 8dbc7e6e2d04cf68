"""The record of an injection: which placed file stands for which address of the user.

It is stored beside the rewritten file, so that the addresses can be brought back, by
``inject-files --revert`` and whenever the file is read again. An address that was injected is known by its
tail, ``<filename>#<fragment>``, which does not depend on the directory. The record holds the addresses exactly
as the user wrote them: where they hold a password, so did the file beside it.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Literal

from msgspec import DecodeError, Meta, Struct
from msgspec.json import decode
from msgspec.structs import asdict

from cachi2ish.core.outputs import DEPS
from cachi2ish.errors import InputError

_FOLDER = f"/{DEPS}/"


_Text = Annotated[str, Meta(min_length=1)]


class Replacement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """placed: the tail of the injected address. original: the user's, with its line continuations, if any.

    before, after: what was written around the injected address; "" where the user's own text stands there.
    """

    placed: _Text
    original: _Text
    before: str = ""
    after: str = ""

    def __repr__(self) -> str:  # the user's address may hold a password
        return f"{type(self).__name__}(placed={self.placed!r})"


class InjectionRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `substitute` has replaced, in the order of the text."""

    version: Literal[1] = 1
    replaced: tuple[Replacement, ...]


def record_name(filename: str) -> str:
    """Return what the record of a rewritten file is called, beside the file."""
    return f".{filename}.cachi2ish.json"


def render_record(replaced: Iterable[Replacement]) -> str:
    """Return the text of the record of these replacements, with a final newline."""
    record = InjectionRecord(replaced=tuple(replaced))
    # Most have nothing around them: then the two keys are left out.
    written = [{key: text for key, text in asdict(one).items() if text} for one in record.replaced]
    return json.dumps({"version": record.version, "replaced": written}, indent=2, ensure_ascii=False) + "\n"


def parse_record(text: str) -> InjectionRecord:
    """Read the text of a record; raises `InputError` where it is damaged."""
    try:
        return decode(text, type=InjectionRecord)
    except (DecodeError, ValueError, RecursionError):
        raise InputError(
            "the record of an earlier inject-files is damaged",
            hint="restore the file from version control and delete its .<name>.cachi2ish.json",
        ) from None


def placed_tail(url: str) -> str | None:
    """Return ``<filename>#<fragment>`` of an address below ``deps/pip``, or None for any other address."""
    path, mark, fragment = url.partition("#")
    folder, found, filename = path.rpartition(_FOLDER)
    if not found or not filename or "/" in filename or not folder.lower().startswith("file:"):
        return None
    return f"{filename}{mark}{fragment}"


class Injected(Struct, frozen=True):
    """An address that may have been injected. tail: see `placed_tail`, None for any other address."""

    tail: str | None
    start: int
    end: int


def restore(text: str, record: str | None, addresses: Callable[[str], Iterable[Injected]]) -> str:
    """Return ``text`` with the injected addresses replaced by the user's; others stay.

    addresses: returns all addresses of a text, in order. Where one placed file stands for several addresses, they
    come back in their order. Raises `InputError` for a damaged record.
    """
    if record is None:
        return text
    known: dict[str, deque[Replacement]] = defaultdict(deque)
    for replacement in parse_record(record).replaced:
        known[replacement.placed].append(replacement)
    return replace(text, _cuts(text, known, addresses(text)))


def replace(text: str, cuts: Iterable[tuple[int, int, str]]) -> str:
    """Return ``text`` with pieces of it replaced: from, to, and what to write there. They come in order."""
    position = 0
    parts: list[str] = []
    for start, end, replacement in cuts:
        parts += (text[position:start], replacement)
        position = end
    return "".join((*parts, text[position:]))


def _cuts(
    text: str, known: dict[str, deque[Replacement]], addresses: Iterable[Injected]
) -> Iterator[tuple[int, int, str]]:
    for address in addresses:
        originals = known.get(address.tail) if address.tail else None
        if not originals:
            continue
        one = originals[0]
        start, end = address.start - len(one.before), address.end + len(one.after)
        if start < 0 or text[start:end] != f"{one.before}{text[address.start : address.end]}{one.after}":
            continue  # somebody has edited what stands around it
        if len(originals) > 1:
            originals.popleft()
        yield start, end, one.original
