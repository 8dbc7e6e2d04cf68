"""Addresses in the form that the formats take: RFC 3986, and no credentials."""

from __future__ import annotations

import re
from urllib.parse import quote

from cachi2ish.core.addresses import redact

#: Those that may stand in a path as they are, and the sign of an escape; `quote` leaves the unreserved ones alone.
#: The apostrophe may too; other writers escape it, since it also ends a text in XML.
_URI_CHARACTERS = "%:/?#@!$&()*+,;="

#: Up to an IPv6 address that stands for the host: the one place for brackets.
_BRACKETS = re.compile(
    r"(?P<before>[a-z][a-z0-9+.-]*://(?:[^/?#@\[\]]*@)?)\[(?P<host>[0-9A-Fa-f:.]+)\](?=[:/?#]|$)"
)


def uri(url: str) -> str:
    """Return ``url``, redacted, with everything escaped that may not stand in a URI; it names the same thing."""
    # Servers and git take addresses that RFC 3986 does not; the schemas do not take those, nor their readers a
    # "%" that begins no escape or a second "#".
    address, hash_sign, fragment = redact(url).partition("#")
    whole = f"{address}{hash_sign}{fragment.replace('#', '%23')}"
    complete = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", whole)
    host = _BRACKETS.match(complete)
    if host is None:
        return _quoted(complete)
    return f"{_quoted(host['before'])}[{host['host']}]{_quoted(complete[host.end() :])}"


def _quoted(text: str) -> str:
    return quote(text, safe=_URI_CHARACTERS, errors="replace")
