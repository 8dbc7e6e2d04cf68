"""A requirements text without credentials: fit to be stored in an output."""

from __future__ import annotations

import re

from cachi2ish.core.addresses import redact, split
from cachi2ish.lockfiles.logical import logical_lines
from cachi2ish.lockfiles.tokens import map_addresses

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
    cuts = []
    for line in logical_lines(text):
        for match in _ADDRESS.finditer(line.text):
            start, end = line.source_span(*match.span())
            # What stands before "://" decides about ssh; it is not replaced.
            address = line.text[: match.start()].rpartition(" ")[2] + match.group()
            if end - start > len(match.group()) and (shown := _without_secrets(address)) != address:
                cuts.append((start, end, shown[shown.index("://") :]))
    for start, end, shown in reversed(cuts):
        text = text[:start] + shown + text[end:]
    return text


def _without_secrets(address: str) -> str:
    ssh = address.partition("://")[0].lower().endswith("ssh")
    address = _USERINFO.sub(lambda user: user.group() if ssh and ":" not in user.group() else "", address)
    return redact(address) if "?" in address and split(address) else address
