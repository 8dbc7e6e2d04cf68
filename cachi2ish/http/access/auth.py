"""Credentials: which request takes which along.

A credential belongs to the origin (scheme, host, port) that the user wrote it for and goes nowhere else: not
along a redirect, and not to the host that a page's links point to.
"""

from __future__ import annotations

import base64
import ipaddress
import netrc
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from cachi2ish.core.urls import BEARER, BEARER_TOKEN, Address, WebOrigin
from cachi2ish.errors import InputError
from cachi2ish.files.foreign import UnfitFileError, names_a_stream, read_foreign
from cachi2ish.http.http_errors import shown
from cachi2ish.http.interface import KEYRING

#: What the entry for all other hosts is called (netrc(5)).
_DEFAULT = "default"


#: Where a user and a password were written, as a part of a sentence.
_IN_ADDRESS = "the URL"


@dataclass(frozen=True, slots=True)
class Credential:
    """User and password for one origin. address: what it was given with, without user information.

    source: where they come from, for people.
    """

    origin: WebOrigin
    address: Address
    user: str = field(repr=False)
    password: str = field(repr=False)
    source: str = _IN_ADDRESS

    @property
    def authorization(self) -> str:
        """The value of the ``Authorization`` header (RFC 7617, UTF-8; RFC 6750)."""
        if self.user == BEARER and re.fullmatch(BEARER_TOKEN, self.password):
            return f"Bearer {self.password}"
        pair = f"{self.user}:{self.password}".encode("utf-8", "surrogateescape")
        return "Basic " + base64.b64encode(pair).decode("ascii")

    def shared(self, path: tuple[str, ...]) -> int:
        """Return how many leading path segments are the same."""
        equal = 0
        for ours, theirs in zip(_segments(self.address), path, strict=False):
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
    return bare, Credential(bare.origin, bare, unquote(user), unquote(password))


class PasswordStore(Protocol):
    """Knows passwords of users by the address of an index."""

    def password(self, service: Address, user: str) -> str | None:
        """Return the password of ``user``, or None."""
        ...


class Credentials:
    """All credentials of a run. Safe to use from many threads.

    addresses: of the indexes that the user names, with user information or without. netrc_file: a file, or None.
    store: comes last, for the user of an address that has no password anywhere else.
    As with pip, it has the password of a user whom an address names without one, and its ``default`` entry serves
    where no other does: here for the origins of ``addresses`` alone, since a page may link to any host.
    Raises `InputError` for an address or a netrc file that cannot be read.
    """

    def __init__(
        self, addresses: Iterable[Address], netrc_file: str | None, store: PasswordStore | None = None
    ) -> None:
        addresses = tuple(addresses)
        self._netrc = f"the netrc file {netrc_file}"
        self._hosts = {} if netrc_file is None else _read_netrc(netrc_file)
        self._store = store
        found = (self._read(address) for address in addresses)
        self._given = tuple(credential for credential in found if credential)
        self._named = frozenset(address.split_userinfo()[0].origin for address in addresses)

    def find(self, url: Address, *, trusted: bool = False) -> Credential | None:
        """Return what to send to ``url``.

        Of several for the origin, the one whose address has the longest path in common with it. Then netrc,
        which knows hosts and no schemes: over TLS, to this machine, or where the user vouches for the host.
        """
        if not self._given and not self._hosts:
            return None
        origin = url.origin
        own = [credential for credential in self._given if credential.origin == origin]
        if own:
            return self._completed(_nearest(own, url))
        scheme, host, _ = origin
        entry = self._hosts.get(host) or (self._hosts.get(_DEFAULT) if origin in self._named else None)
        if entry is not None and (scheme == "https" or trusted or is_loopback(host)):
            return Credential(origin, url, *entry, source=self._netrc)
        return None

    def complete(self, credential: Credential) -> Credential:
        """Return the credential with the password that there is for its user, where it has none of its own.

        Raises `InputError` where the store fails.
        """
        # What is fetched is a page or a file; a store knows the address of the index.
        same = [one for one in self._given if (one.origin, one.user) == (credential.origin, credential.user)]
        index = _nearest(same, credential.address) if same else credential
        return self._completed(replace(credential, address=index.address))

    def _completed(self, credential: Credential) -> Credential:
        if credential.password:
            return credential
        user, password = self._hosts.get(credential.origin[1], ("", ""))
        if user == credential.user and password:
            return replace(credential, password=password, source=self._netrc)
        if not credential.user:
            return credential
        if self._store is None:
            return replace(credential, source=f"{credential.source}, which names a user alone")
        stored = self._store.password(credential.address, credential.user)
        if stored is None:
            return replace(credential, source=f"{credential.source}, for which keyring has no password")
        return replace(credential, password=stored, source=KEYRING)

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


def _nearest(credentials: Iterable[Credential], url: Address) -> Credential:
    path = _segments(url)
    return max(credentials, key=lambda credential: credential.shared(path))


def _segments(url: Address) -> tuple[str, ...]:
    return tuple(segment for segment in url.path.split("/") if segment)


def _read_netrc(file: str) -> dict[str, tuple[str, str]]:
    try:
        if not names_a_stream(Path(os.path.realpath(file))):
            read_foreign(Path(file))  # the library itself opens whatever has the name
        hosts = netrc.netrc(file).hosts
    except UnfitFileError as error:
        raise InputError(f"the netrc file {file} {error.strerror}", hint=error.hint) from None
    except netrc.NetrcParseError as error:
        place = f"{file}:{error.lineno}" if error.lineno else file
        # The parser's own text may quote the password.
        raise InputError(
            f"the netrc file {place} cannot be understood", hint="see netrc(5) for its form"
        ) from None
    except FileNotFoundError:
        raise InputError(
            f"NETRC names {file}, which does not exist", hint="name a netrc file with NETRC, or unset it"
        ) from None
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"the netrc file {file} cannot be read: {reason}") from None
    return {
        host.lower(): (login or account or "", password or "")
        for host, (login, account, password) in hosts.items()
    }
