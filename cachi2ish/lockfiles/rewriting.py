"""Rewriting a requirements text for an offline build: its addresses become placed files, nothing else changes.

DESIGN decision 11. Comments, order, hashes, markers, extras, continuation lines and options stay byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from cachi2ish.core.outputs import OUTPUT_DIR
from cachi2ish.core.placement import DEPS
from cachi2ish.errors import InputError
from cachi2ish.lockfiles import decoding, injection
from cachi2ish.lockfiles.addressed import addresses_in, replace
from cachi2ish.lockfiles.interface import Decoded, Placed
from cachi2ish.lockfiles.redaction import redacted


def replacement_urls(text: str, placed: Sequence[Placed]) -> tuple[str, ...]:
    """Return the template for each direct requirement, in the order of ``text``.

    The original fragment stays (``egg``, ``subdirectory``, a digest). A digest that the requirement does not
    state itself is joined to it: in hash-checking mode pip takes the fragment of an address that the user
    wrote for a hash, and a git requirement has no other place for one.
    """
    found = [address.text for address in addresses_in(text)]
    _same_count(len(found), len(placed))
    return tuple(
        f"file://{OUTPUT_DIR}/{DEPS}/{quote(file.filename, safe='+!~')}{_fragment(address, file.sha256)}"
        for address, file in zip(found, placed, strict=True)
    )


def substitute(text: str, urls: Sequence[str]) -> str:
    """Return ``text`` with the address of each direct requirement replaced by that of ``urls``, in order."""
    _same_count(sum(1 for _ in addresses_in(text)), len(urls))
    return replace(text, urls)


def record_of(text: str, urls: Sequence[str]) -> str:
    """Return the record to store when ``text`` is rewritten with ``urls``."""
    originals = [text[address.start : address.end] for address in addresses_in(text)]
    _same_count(len(originals), len(urls))
    return injection.render_record(injection.make_record(originals, urls))


class RequirementsRewriter:
    """`Rewriter` for pip's requirements files."""

    def decode(self, content: bytes, file: str) -> Decoded:
        """See `Rewriter.decode`."""
        return decoding.decode(content, file)

    def encode(self, text: str, encoding: str) -> bytes:
        """See `Rewriter.encode`."""
        return decoding.encode(text, encoding)

    def replacement_urls(self, text: str, placed: Sequence[Placed]) -> tuple[str, ...]:
        """See `Rewriter.replacement_urls`."""
        return replacement_urls(text, placed)

    def substitute(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.substitute`."""
        return substitute(text, urls)

    def restore(self, text: str, record: str | None) -> str:
        """See `Rewriter.restore`."""
        return injection.restore(text, record)

    def record(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.record`."""
        return record_of(text, urls)

    def record_name(self, filename: str) -> str:
        """See `Rewriter.record_name`."""
        return injection.record_name(filename)

    def redacted(self, text: str) -> str:
        """See `Rewriter.redacted`."""
        return redacted(text)


def _fragment(address: str, sha256: str | None) -> str:
    stated = address.partition("#")[2]
    items = [item for item in (stated, f"sha256={sha256}" if sha256 else "") if item]
    return f"#{'&'.join(items)}" if items else ""


def _same_count(found: int, given: int) -> None:
    if found != given:
        raise InputError(
            f"the requirements text has {found} addresses, and {given} were expected",
            hint="the file has changed since it was read: run fetch-deps again",
        )
