"""Addresses: what may be shown of them, and whom their credentials belong to.

An address that a user wrote may hold a user name and a password, or a token in the place of either. Such an
address is used to make a request and for nothing else; what is printed, logged or written is its redacted form.
`Address` sees to that. The functions are for text that is not known to be an address, and for the links of a page,
of which there are ten thousands.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Never, Self, final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

#: The user in an address whose password is a Bearer token (RFC 6750). Nobody is called so: a user name has no
#: control characters (RFC 7617, 2).
BEARER = "\0bearer"

#: What such a token may be (RFC 6750, 2.1).
BEARER_TOKEN = "[A-Za-z0-9._~+/-]+=*"  # noqa: S105  (a pattern)

#: Scheme, host and port (RFC 6454).
WebOrigin = tuple[str, str, int | None]

_HOST = r"[\w.:%-]+"

_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}

#: What stands before the path: ``https://user@host:443``.
_AUTHORITY = r"(?P<before>\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)(?P<authority>[^/?#]*)"

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

#: An address, wherever it begins: behind a bracket, a quotation mark or an equals sign, too. It ends at a quote
#: or, where that may be part of a password, beyond it.
_IN_TEXT = tuple(
    rf"(?<![A-Za-z0-9+.-])([0-9+.-]*)([A-Za-z][A-Za-z0-9+.-]*://[^\s{ends}]+)" for ends in ("\"'", '"')
)

_SECRET_PARAMETER = rf"(?i)(?<=[?&])([\w.-]*(?:{'|'.join(SECRET_ENDINGS)})|{'|'.join(SECRET_NAMES)})=[^&#]*"


def redact(url: str) -> str:
    """Return ``url`` without user name, password and secret query parameters, and otherwise as it is written.

    An ``ssh`` user name such as ``git@`` is part of the address and no secret: it stays. Text that is not
    a URL is returned as it is. Where a password holds an unescaped ``/``, ``?`` or ``#``, and the address is
    therefore no valid URL, all up to the last ``@`` goes.
    """
    if not ("@" in url or "?" in url or "&" in url):  # nearly all, and a page has thousands
        return url
    found = re.match(_AUTHORITY, url)
    if found is None:
        return re.sub(_SECRET_PARAMETER, r"\1=****", url)
    before, authority, after = found["before"], found["authority"], url[found.end() :]
    userinfo, _, host = authority.rpartition("@")
    if before.lower().endswith("ssh://") and ":" not in userinfo:
        host = authority
    if "@" in after and split(f"http://{host}") is None:
        host, after = "", after.rpartition("@")[2]
    return re.sub(_SECRET_PARAMETER, r"\1=****", f"{before}{host}{after}")


def redact_text(text: str) -> str:
    """Return ``text`` with each address in it as `redact` writes it."""
    for pattern in _IN_TEXT:
        text = re.sub(pattern, lambda found: found[1] + redact(found[2]), text)
    return text


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
    return _host_of(split(url)) or redact(url)


def _host_of(parts: SplitResult | None) -> str:
    return "" if parts is None else _host(parts.scheme, parts.netloc)


@lru_cache(256)  # thousands of files are on a few hosts
def _host(scheme: str, netloc: str) -> str:
    parts = SplitResult(scheme, netloc, "", "", "")
    if not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if parts.port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{parts.port}"


def host_and_port(text: str) -> tuple[str, int | None] | None:
    """Return what ``host`` or ``host:port`` names, the host in lower case; None where ``text`` is neither."""
    parts = split(f"//{text.strip()}")
    if parts is None or parts.path or "@" in parts.netloc or not re.fullmatch(_HOST, parts.hostname or ""):
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


_split = lru_cache(256)(split)  # those of indexes are taken apart again and again


@final
class Address:
    """An address that cannot be printed with its secret. Immutable; equal where the whole text is.

    ``str``, ``repr`` and ``format`` give the redacted form (see `redact`). It is no dataclass, so that `asdict`
    and encoders of JSON find nothing in it: they refuse it, or write the redacted form where they are given
    ``str``. It cannot be pickled. The text need not be a valid URL.

        >>> address = Address("https://user:secret@packages.example/simple/")
        >>> f"asking {address}"
        'asking https://packages.example/simple/'
        >>> address.with_credentials
        'https://user:secret@packages.example/simple/'
    """

    __slots__ = ("_redacted", "_text")

    _text: str
    _redacted: str

    def __init__(self, text: str) -> None:
        put = object.__setattr__
        put(self, "_text", text)
        put(self, "_redacted", redact(text))

    @property
    def _parts(self) -> SplitResult | None:
        # Not kept: they weigh three times as much as the text, and most addresses are of one file among thousands.
        return _split(self._text)

    @property
    def with_credentials(self) -> str:
        """The whole text, for making a request and for nothing else."""
        return self._text

    @property
    def redacted(self) -> str:
        """What may be printed, logged and written; what ``str`` gives."""
        return self._redacted

    @property
    def valid(self) -> bool:
        """Whether it is a valid URL; not so with a bad port or an unclosed bracket."""
        return self._parts is not None

    @property
    def scheme(self) -> str:
        """The scheme in lower case; "" where there is none."""
        return "" if self._parts is None else self._parts.scheme

    @property
    def hostname(self) -> str:
        """The host in lower case, without port and brackets; "" where there is none."""
        return "" if self._parts is None else self._parts.hostname or ""

    @property
    def port(self) -> int | None:
        """The port where the address names one."""
        return None if self._parts is None else self._parts.port

    @property
    def path(self) -> str:
        """The path, percent-encoded; "" where it is no valid URL."""
        return "" if self._parts is None else self._parts.path

    @property
    def origin(self) -> WebOrigin:
        """What decides whether a credential may go along; raises `ValueError` where it is no valid URL."""
        return origin_of(self._text)

    @property
    def host(self) -> str:
        """The host for people, see `host_of`."""
        return _host_of(self._parts) or self._redacted

    @property
    def bare(self) -> str:
        """The form in which the addresses of two indexes are compared, see `bare`."""
        return bare(self._text)

    @property
    def is_web(self) -> bool:
        """Whether it is an http or https URL that names a host."""
        return self.scheme in {"http", "https"} and bool(self.hostname)

    def without_fragment(self) -> Address:
        """Return the address up to its ``#``."""
        return Address(without_fragment(self._text)) if "#" in self._text else self

    def split_userinfo(self) -> tuple[Address, str]:
        """Return the address without user information, and that information, see `split_userinfo`."""
        text, userinfo = split_userinfo(self._text)
        return (self if text == self._text else Address(text)), userinfo

    def with_login(self, user: str, password: str) -> Address:
        """Return the address with a user and a password in the place of its own; it must be a valid URL."""
        parts = urlsplit(split_userinfo(self._text)[0])
        userinfo = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return Address(urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}")))

    def __str__(self) -> str:
        return self._redacted

    def __repr__(self) -> str:
        return f"Address({self._redacted!r})"

    def __format__(self, spec: str) -> str:
        return format(self._redacted, spec)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Address) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"an address is not to be changed: {name}")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"an address is not to be changed: {name}")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> Never:
        raise TypeError("an address is not pickled: it may hold a credential")
