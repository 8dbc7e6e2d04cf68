"""Rewriting a requirements text for an offline build: its addresses become placed files, nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

from cachi2ish.core.outputs import DEPS, OUTPUT_DIR, project_of
from cachi2ish.core.urls import redact, split
from cachi2ish.errors import InputError
from cachi2ish.lockfiles import injection
from cachi2ish.lockfiles.injection import replace
from cachi2ish.lockfiles.interface import Decoded, Placed
from cachi2ish.lockfiles.pip import lines
from cachi2ish.lockfiles.pip.lines import logical_lines
from cachi2ish.lockfiles.pip.tokens import AddressInText, addresses_in, map_addresses

#: User information of an address, up to the last "@" before its path.
_USERINFO = re.compile(r"(?<=://)[^\s/?#]*@")

_ADDRESS = re.compile(r"://\S*")

#: The name of a project in a fragment, with extras perhaps.
_EGG_KEY = "egg="
_EGG = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?(?:\[[\w.,-]*\])?", re.ASCII)
_BLANK = re.compile(r"\s")


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
    wrote for a hash, and a git requirement has no other place for one. Where the address has no name before it,
    `substitute` writes one, and ``egg`` goes: pip since 25.0 takes no extras in it.
    """
    found = tuple(addresses_in(text))
    _same_count(len(found), len(placed))
    return tuple(
        f"file://{OUTPUT_DIR}/{DEPS}/{quote(file.filename, safe='+!~')}{_fragment(address, file.sha256)}"
        for address, file in zip(found, placed, strict=True)
    )


def substitute(text: str, urls: Sequence[str]) -> str:
    """Return ``text`` with the address of each direct requirement replaced by that of ``urls``, in order.

    One without a name before it becomes ``name @ address``, and an editable one loses its ``-e``: so pip and uv
    both read it (PEP 508).
    """
    found = _paired(text, urls)
    return replace(
        text,
        ((address.start, address.end, f"{_before(address, url)}{url}{address.after}") for address, url in found),
    )


def record_of(text: str, urls: Sequence[str]) -> str:
    """Return the record to store when ``text`` is rewritten with ``urls``."""
    return injection.render_record(
        injection.Replacement(
            placed=tail,
            original=text[address.start : address.end],
            before=_before(address, url),
            after=address.after,
        )
        for address, url in _paired(text, urls)
        if (tail := injection.placed_tail(url)) is not None
    )


def _paired(text: str, urls: Sequence[str]) -> tuple[tuple[AddressInText, str], ...]:
    found = tuple(addresses_in(text))
    _same_count(len(found), len(urls))
    return tuple(zip(found, urls, strict=True))


def _before(address: AddressInText, url: str) -> str:
    """Return what to write before ``url`` in the place of ``address``: what the user wrote there, or its name."""
    if address.before is not None:
        return address.before
    egg = next((item for item in _items(address.text) if item.startswith(_EGG_KEY)), "")
    declared = _EGG.fullmatch(_BLANK.sub("", unquote(egg.removeprefix(_EGG_KEY))))
    name = declared.group() if declared else project_of(unquote(url.partition("#")[0].rpartition("/")[2]))
    return f"{name} @ " if name else ""


def restore(text: str, record: str | None) -> str:
    """Return ``text`` as it was before it was rewritten; raises `InputError` for a damaged record."""
    return injection.restore(text, record, _injected)


def _injected(text: str) -> Iterator[injection.Injected]:
    for one in addresses_in(text):
        yield injection.Injected(injection.placed_tail(one.text), one.start, one.end)


class RequirementsRewriter:
    """`Rewriter` for pip's requirements files."""

    def decode(self, content: bytes, file: str) -> Decoded:
        """See `Rewriter.decode`."""
        return lines.decode(content, file)

    def encode(self, text: str, encoding: str) -> bytes:
        """See `Rewriter.encode`."""
        return lines.encode(text, encoding)

    def replacement_urls(self, text: str, placed: Sequence[Placed | None]) -> tuple[str, ...]:
        """See `Rewriter.replacement_urls`."""
        return replacement_urls(text, [one for one in placed if one is not None])

    def substitute(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.substitute`."""
        return substitute(text, urls)

    def restore(self, text: str, record: str | None) -> str:
        """See `Rewriter.restore`."""
        return restore(text, record)

    def record(self, text: str, urls: Sequence[str]) -> str:
        """See `Rewriter.record`."""
        return record_of(text, urls)

    def record_name(self, filename: str) -> str:
        """See `Rewriter.record_name`."""
        return injection.record_name(filename)

    def redacted(self, text: str) -> str:
        """See `Rewriter.redacted`."""
        return redacted(text)


def _fragment(address: AddressInText, sha256: str | None) -> str:
    items = [address.text.partition("#")[2]]
    if address.before is None:  # in an address with a name, a semicolon begins a marker
        items = [one.replace(";", "%3B") for one in _items(address.text) if not one.startswith(_EGG_KEY)]
    items = [one for one in (*items, f"sha256={sha256}" if sha256 else "") if one]
    return f"#{'&'.join(items)}" if items else ""


def _items(address: str) -> list[str]:
    return [item for item in address.partition("#")[2].split("&") if item]


def _same_count(found: int, given: int) -> None:
    if found != given:
        raise InputError(
            f"the requirements text has {found} addresses, and {given} were expected",
            hint="the file has changed since it was read: run fetch-deps again",
        )
