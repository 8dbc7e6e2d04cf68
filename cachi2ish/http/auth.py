"""Credentials: which request takes which along.

A credential belongs to the origin (scheme, host, port) that the user wrote it for and goes nowhere else: not
along a redirect, and not to the host that a page's links point to.
"""

from __future__ import annotations

import base64
import ipaddress
import netrc
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from cachi2ish.core.urls import Address, WebOrigin
from cachi2ish.errors import InputError
from cachi2ish.http.http_errors import shown

#: What the entry for all other hosts is called (netrc(5)).
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Credential:
    """User and password for the addresses of one origin. path: the segments of the address it was given with."""

    origin: WebOrigin
    path: tuple[str, ...]
    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """The value of the ``Authorization`` header (RFC 7617, UTF-8)."""
        pair = f"{self.user}:{self.password}".encode("utf-8", "surrogateescape")
        return "Basic " + base64.b64encode(pair).decode("ascii")

    def shared(self, path: tuple[str, ...]) -> int:
        """Return how many leading path segments are the same."""
        equal = 0
        for ours, theirs in zip(self.path, path, strict=False):
            if ours != theirs:
                break
            equal += 1
        return equal


def separate(url: Address) -> tuple[Address, Credential | None]:
    """Return ``url`` without user information, and the user information.

    Percent-encoding is undone; a user without password is a token, sent with an empty one, as pip does.
    ``url`` must be valid.
    """
    bare, userinfo = url.split_userinfo()
    user, _, password = userinfo.partition(":")
    if not user and not password:
        return bare, None
    return bare, Credential(bare.origin, _segments(bare), unquote(user), unquote(password))


class Keyring:
    """All credentials of a run.

    addresses: of the indexes that the user names, with user information or without. netrc_file: a file, or None.
    As with pip, it has the password of a user whom an address names without one, and its ``default`` entry serves
    where no other does: here for the origins of ``addresses`` alone, since a page may link to any host.
    Raises `InputError` for an address or a netrc file that cannot be read.
    """

    def __init__(self, addresses: Iterable[Address], netrc_file: str | None) -> None:
        addresses = tuple(addresses)
        self._hosts = {} if netrc_file is None else _read_netrc(netrc_file)
        found = (self._read(address) for address in addresses)
        self._given = tuple(self.complete(credential) for credential in found if credential)
        self._named = frozenset(address.split_userinfo()[0].origin for address in addresses)

    def find(self, url: Address, *, trusted: bool = False) -> Credential | None:
        """Return what to send to ``url``.

        Of several for the origin, the one whose address has the longest path in common with it. Then netrc,
        which knows hosts and no schemes: over TLS, to this machine, or where the user vouches for the host.
        """
        if not self._given and not self._hosts:
            return None
        origin, path = url.origin, _segments(url)
        own = [credential for credential in self._given if credential.origin == origin]
        if own:
            return max(own, key=lambda credential: credential.shared(path))
        scheme, host, _ = origin
        entry = self._hosts.get(host) or (self._hosts.get(_DEFAULT) if origin in self._named else None)
        if entry is not None and (scheme == "https" or trusted or is_loopback(host)):
            return Credential(origin, (), *entry)
        return None

    def complete(self, credential: Credential) -> Credential:
        """Return the credential with the password that netrc has for its user, where it has none of its own."""
        user, password = self._hosts.get(credential.origin[1], ("", ""))
        return (
            replace(credential, password=password)
            if not credential.password and user == credential.user
            else credential
        )

    @staticmethod
    def _read(address: Address) -> Credential | None:
        if not address.valid:
            raise InputError(
                f"{shown(address)!r} is not a valid URL",
                hint="percent-encode the characters / ? # @ : and % in user name and password",
            )
        return separate(address)[1]


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine (RFC 6761 section 6.3 for the name)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _segments(url: Address) -> tuple[str, ...]:
    return tuple(segment for segment in url.path.split("/") if segment)


def _read_netrc(file: str) -> dict[str, tuple[str, str]]:
    try:
        hosts = netrc.netrc(file).hosts
    except netrc.NetrcParseError as error:
        place = f"{file}:{error.lineno}" if error.lineno else file
        # The parser's own text may quote the password.
        raise InputError(
            f"the netrc file {place} cannot be understood", hint="see netrc(5) for its form"
        ) from None
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"the netrc file {file} cannot be read: {reason}") from None
    return {
        host.lower(): (login or account or "", password or "")
        for host, (login, account, password) in hosts.items()
    }
