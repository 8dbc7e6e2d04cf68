"""Rewriting a requirements text for an offline build: its addresses become placed files, nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from cachi2ish.core.outputs import OUTPUT_DIR
from cachi2ish.core.placement import DEPS
from cachi2ish.core.urls import redact, split
from cachi2ish.errors import InputError
from cachi2ish.lockfiles.interface import Decoded, Placed
from cachi2ish.lockfiles.pip import injection, lines
from cachi2ish.lockfiles.pip.lines import logical_lines
from cachi2ish.lockfiles.pip.tokens import addresses_in, map_addresses, replace

#: User information of an address, up to the last "@" before its path.
_USERINFO = re.compile(r"(?<=://)[^\s/?#]*@")

_ADDRESS = re.compile(r"://\S*")


def redacted(text: str) -> str:
    """Return ``text`` with user names, passwords and secret query parameters of all addresses removed.

    An ``ssh`` user without password stays: it is part of the address. Addresses in comments are redacted too.
    """
    return map_addresses(_joined_where_secret(text), _without_secrets)


def _joined_where_secret(text: str) -> str:
    """Redact the addresses that continue on another line, which stand whole in the logical line only."""
    position = 0
    parts: list[str] = []
    for line in logical_lines(text):
        for match in _ADDRESS.finditer(line.text):
            start, end = line.source_span(*match.span())
            # What stands before "://" decides about ssh; it is not replaced.
            address = line.text[line.text.rfind(" ", 0, match.start()) + 1 : match.end()]
            if end - start > len(match.group()) and (shown := _without_secrets(address)) != address:
                parts += (text[position:start], shown[shown.index("://") :])
                position = end
    return "".join((*parts, text[position:]))


def _without_secrets(address: str) -> str:
    ssh = address.partition("://")[0].lower().endswith("ssh")
    address = _USERINFO.sub(lambda user: user.group() if ssh and ":" not in user.group() else "", address)
    return redact(address) if "?" in address and split(address) else address


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
        return lines.decode(content, file)

    def encode(self, text: str, encoding: str) -> bytes:
        """See `Rewriter.encode`."""
        return lines.encode(text, encoding)

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
    fragment = address.partition("#")[2]
    items = [item for item in (fragment, f"sha256={sha256}" if sha256 else "") if item]
    return f"#{'&'.join(items)}" if items else ""


def _same_count(found: int, given: int) -> None:
    if found != given:
        raise InputError(
            f"the requirements text has {found} addresses, and {given} were expected",
            hint="the file has changed since it was read: run fetch-deps again",
        )
