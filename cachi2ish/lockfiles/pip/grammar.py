"""What a single line of a requirements file says, before it is judged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.specifiers import SpecifierSet

from cachi2ish.core.digests import Digest
from cachi2ish.core.lazy import Once
from cachi2ish.core.urls import Address

if TYPE_CHECKING:
    from cachi2ish.lockfiles.pip.whole_grammar import LibraryParser


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementLine:
    """A requirement or constraint as written.

    name: None for an address or path that does not say it. url: with fragment; may hold credentials.
    marker: as text, normalised. hashes: the values of ``--hash``, unread. editable: it stands behind ``-e``.
    """

    name: str | None
    extras: tuple[str, ...]
    specifier: SpecifierSet
    marker: str | None
    url: str | None = field(repr=False)
    hashes: tuple[str, ...] = ()
    editable: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the file. name: its long form, ``--index-url``; value: "" for a switch."""

    name: str
    value: str = field(default="", repr=False)


class DirectAddress(Struct, frozen=True):
    """The fragment of an address, taken apart. url: without fragment.

    egg: as written (``name`` or ``name[extra]``). digests: of the fragment, in its order.
    """

    url: Address
    egg: str | None = None
    subdirectory: str | None = None
    digests: tuple[Digest, ...] = ()


class UnreadableLineError(Exception):
    """A line cannot be parsed. The message is a sentence fragment; hint: what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


#: A pin as tools write it, with its marker and its digests.
_PIN = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==([0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc|\.post|\.dev)[0-9]+)?)"
    r"(?:[ \t]*;[ \t]*([^#\\]*?))?((?:[ \t]+--hash=sha256:[0-9a-f]{64})*)[ \t]*"
)

#: An option with an address, as tools write it.
_INDEX = re.compile(r"(--index-url|--extra-index-url)[ =]([^\s'\"\\#]+)")

#: What tells options from a requirement.
_OPTION = re.compile(r"\s-")


class PipLineParser:
    """Parses logical lines, variables expanded. Holds no state between lines.

    Lines as tools write them are read here, and all others with pip-requirements-parser, which takes long to load.
    """

    def __init__(self) -> None:
        self._library = Once(_library)

    def parse(self, line: str) -> RequirementLine | tuple[Option, ...]:
        """Return the requirement of a line, or the options of a line that has none.

        Raises `UnreadableLineError`. Its message may quote the line.
        """
        index = _INDEX.fullmatch(line)
        if index:
            return (Option(index[1], index[2]),)
        return _pin(line) or self._library().parse(line)


def _library() -> LibraryParser:
    from cachi2ish.lockfiles.pip.whole_grammar import LibraryParser  # noqa: PLC0415

    return LibraryParser()


def _pin(line: str) -> RequirementLine | None:
    found = _PIN.fullmatch(line.strip(" \t"))
    if found is None:
        return None
    name, version, marker, hashes = found.groups()
    if marker is not None:
        from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415  (most files have none)

        try:
            marker = str(Marker(marker))
        except InvalidMarker:
            return None
        if _OPTION.search(marker):
            return None
    return RequirementLine(
        name=name,
        extras=(),
        specifier=SpecifierSet(f"=={version}"),
        marker=marker,
        url=None,
        hashes=tuple(one.removeprefix("--hash=") for one in hashes.split()),
    )
