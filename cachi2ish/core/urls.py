"""Addresses: what may be shown of them, and whom their credentials belong to.

An address that a user wrote may hold a user name and a password, or a token in the place of either. Such an
address is used to make a request and for nothing else; what is printed, logged or written is its redacted form.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

#: Scheme, host and port (RFC 6454).
WebOrigin = tuple[str, str, int | None]

_HOST = re.compile(r"[\w.:%-]+")

_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}

#: What stands before the path: ``https://user@host:443``.
_AUTHORITY = re.compile(r"(?P<before>\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)(?P<authority>[^/?#]*)")

#: The names of query parameters in which object stores and artifact servers carry a secret, in lower case: what
#: they end in, and those that mean it only where they are the whole name.
SECRET_ENDINGS = (
    "token",
    "signature",
    "secret",
    "password",
    "passwd",
    "credential",
    "apikey",
    "api_key",
    "api-key",
)
SECRET_NAMES = ("sig", "auth")

_SECRET_PARAMETER = re.compile(
    rf"(?i)(?<=[?&])([\w.-]*(?:{'|'.join(SECRET_ENDINGS)})|{'|'.join(SECRET_NAMES)})=[^&#]*",
)


def redact(url: str) -> str:
    """Return ``url`` without user name, password and secret query parameters, and otherwise as it is written.

    An ``ssh`` user name such as ``git@`` is part of the address and no secret: it stays. Text that is not
    a URL is returned as it is. Where a password holds an unescaped ``/``, ``?`` or ``#``, and the address is
    therefore no valid URL, all up to the last ``@`` goes.
    """
    if not ("@" in url or "?" in url or "&" in url):  # nearly all, and a page has thousands
        return url
    found = _AUTHORITY.match(url)
    if found is None:
        return _SECRET_PARAMETER.sub(r"\1=****", url)
    before, authority, after = found["before"], found["authority"], url[found.end() :]
    userinfo, _, host = authority.rpartition("@")
    if before.lower().endswith("ssh://") and ":" not in userinfo:
        host = authority
    if "@" in after and split(f"http://{host}") is None:
        host, after = "", after.rpartition("@")[2]
    return _SECRET_PARAMETER.sub(r"\1=****", f"{before}{host}{after}")


def split_userinfo(url: str) -> tuple[str, str]:
    """Return ``url`` without user information, and that information as it stands there: ``user:password``.

    Empty, and ``url`` as it is, where there is none or ``url`` is not valid.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, ""
    userinfo, at, host = parts.netloc.rpartition("@")
    return (urlunsplit(parts._replace(netloc=host)), userinfo) if at else (url, "")


def bare(address: str) -> str:
    """Return the address of an index in the form in which two are compared: redacted, no slash at its end."""
    return redact(address.strip()).rstrip("/")


def origin_of(url: str) -> WebOrigin:
    """Return what decides whether a credential may go along."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(scheme)


def host_of(url: str) -> str:
    """Return the host of ``url``, and its port where that is not the scheme's own: ``files.example:8080``.

    The whole text, redacted, where there is no host in it: a local repository, say.
    """
    parts = split(url)
    if parts is None or not parts.hostname:
        return redact(url)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def host_and_port(text: str) -> tuple[str, int | None] | None:
    """Return what ``host`` or ``host:port`` names, the host in lower case; None where ``text`` is neither."""
    parts = split(f"//{text.strip()}")
    if parts is None or parts.path or "@" in parts.netloc or not _HOST.fullmatch(parts.hostname or ""):
        return None
    return parts.hostname or "", parts.port


def split_web(url: str) -> SplitResult | None:
    """Return the parts of an http or https URL that names a host, and None for anything else."""
    parts = split(url)
    return parts if parts is not None and parts.scheme in {"http", "https"} and parts.hostname else None


def without_fragment(url: str) -> str:
    """Return ``url`` up to its ``#``."""
    return url.partition("#")[0]


def split(url: str) -> SplitResult | None:
    """Return the parts of ``url``, or None where it is no valid URL (a bad port, an unclosed bracket)."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it is what checks it)
    except ValueError:
        return None
    return parts
