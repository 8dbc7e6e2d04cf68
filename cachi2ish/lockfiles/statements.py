"""What a single line of a requirements file says, before it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet

from cachi2ish.core.digests import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A requirement or constraint as written.

    name: None for an address or path that does not say it. url: with fragment; may hold credentials.
    marker: as text, normalised. hashes: the values of ``--hash``, unread.
    """

    name: str | None
    extras: tuple[str, ...]
    specifier: SpecifierSet
    marker: str | None
    url: str | None = field(repr=False)
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the file. name: its long form, ``--index-url``; value: "" for a switch."""

    name: str
    value: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """The fragment of an address, taken apart. url: without fragment; may hold credentials.

    egg: as written (``name`` or ``name[extra]``). digests: of the fragment, in its order.
    """

    url: str = field(repr=False)
    egg: str | None = None
    subdirectory: str | None = None
    digests: tuple[Digest, ...] = ()


class UnreadableLineError(Exception):
    """A line cannot be parsed. The message is a sentence fragment; hint: what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
