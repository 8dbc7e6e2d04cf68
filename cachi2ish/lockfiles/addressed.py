"""The addresses of a requirements text, and replacing them without touching anything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from cachi2ish.lockfiles.logical import logical_lines
from cachi2ish.lockfiles.tokens import address_span


@dataclass(frozen=True, slots=True)
class AddressInText:
    """An address of a direct requirement. text: continuations joined, variables not expanded.

    start, end: where it stands in the file, continuations included.
    """

    text: str = field(repr=False)
    start: int
    end: int


def addresses_in(text: str) -> Iterator[AddressInText]:
    """Yield the addresses of all direct requirements, in order."""
    for line in logical_lines(text):
        span = address_span(line.text)
        if span is not None:
            yield AddressInText(line.text[slice(*span)], *line.source_span(*span))


def replace(text: str, replacements: Sequence[str | None]) -> str:
    """Return ``text`` with each address replaced, in order; None leaves one as it is.

    Raises `ValueError` where there are not as many replacements as addresses.
    """
    position = 0
    parts: list[str] = []
    for address, replacement in zip(addresses_in(text), replacements, strict=True):
        if replacement is not None:
            parts += (text[position : address.start], replacement)
            position = address.end
    return "".join(chain(parts, [text[position:]]))
