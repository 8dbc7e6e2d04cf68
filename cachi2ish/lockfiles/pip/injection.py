"""The record of an injection: which placed file stands for which address of the user.

It is stored beside the rewritten requirements file, so that the addresses can be brought back, by
``inject-files --revert`` and whenever the file is read again. An address that was injected is known by its
tail, ``<filename>#<fragment>``, which does not depend on the directory. The record holds the addresses exactly
as the user wrote them: where they hold a password, so did the requirements file beside it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cachi2ish.core.placement import DEPS
from cachi2ish.errors import InputError
from cachi2ish.lockfiles.pip.tokens import addresses_in, replace

_FOLDER = f"/{DEPS}/"


class Replacement(BaseModel):
    """placed: the tail of the injected address. original: the user's, with its line continuations, if any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    placed: str = Field(min_length=1)
    original: str = Field(min_length=1, repr=False)


class InjectionRecord(BaseModel):
    """What `substitute` has replaced, in the order of the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    replaced: tuple[Replacement, ...]


def record_name(filename: str) -> str:
    """Return what the record of a requirements file is called, beside the file."""
    return f".{filename}.cachi2ish.json"


def make_record(originals: Iterable[str], urls: Sequence[str]) -> InjectionRecord:
    """Return the record of replacing ``originals`` (raw text) by ``urls`` (templates or filled in)."""
    return InjectionRecord(
        replaced=tuple(
            Replacement(placed=tail, original=original)
            for original, url in zip(originals, urls, strict=True)
            if (tail := placed_tail(url)) is not None
        )
    )


def render_record(record: InjectionRecord) -> str:
    """Return the text of a record, with a final newline."""
    return record.model_dump_json(indent=2) + "\n"


def parse_record(text: str) -> InjectionRecord:
    """Read the text of a record; raises `InputError` where it is damaged."""
    try:
        return InjectionRecord.model_validate_json(text)
    except ValidationError:
        raise InputError(
            "the record of an earlier inject-files is damaged",
            hint="restore the requirements file from version control and delete its .<name>.cachi2ish.json",
        ) from None


def placed_tail(url: str) -> str | None:
    """Return ``<filename>#<fragment>`` of an address below ``deps/pip``, or None for any other address."""
    path, mark, fragment = url.partition("#")
    folder, found, filename = path.rpartition(_FOLDER)
    if not found or not filename or "/" in filename or not folder.lower().startswith("file:"):
        return None
    return f"{filename}{mark}{fragment}"


def restore(text: str, record: str | None) -> str:
    """Return ``text`` with the injected addresses replaced by the user's; others stay.

    Where one placed file stands for several addresses, they come back in their order.
    Raises `InputError` for a damaged record.
    """
    if record is None:
        return text
    known: dict[str, deque[str]] = defaultdict(deque)
    for replacement in parse_record(record).replaced:
        known[replacement.placed].append(replacement.original)
    return replace(text, [_original(address.text, known) for address in addresses_in(text)])


def _original(address: str, known: dict[str, deque[str]]) -> str | None:
    tail = placed_tail(address)
    if tail is None or tail not in known:
        return None
    originals = known[tail]
    return originals.popleft() if len(originals) > 1 else originals[0]
