"""The registries as they are: what one says of a project when it is asked.

Only addresses from the settings are asked. A client's user name and password, or its token, go to the origin of
the registry that it asked for, and nowhere else: the HTTP client takes them off at a redirect to another one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from packaging.utils import NormalizedName

from cachi2ish.core.pages import Page
from cachi2ish.core.urls import BEARER, BEARER_TOKEN, Address
from cachi2ish.errors import AccessError
from cachi2ish.http.interface import Http, Response
from cachi2ish.mirror.records import Gone, Instant, Look, Unchanged
from cachi2ish.simple_api.fields import PageSource, not_a_project_page
from cachi2ish.simple_api.negotiation import ACCEPT, read_page

_OK, _NOT_MODIFIED = 200, 304
_NOT_ALLOWED = frozenset({401, 403})
_NOT_THERE = frozenset({404, 410})

#: Characters of an ``Authorization`` header that are looked at.
_LONGEST_AUTHORIZATION = 8192


@dataclass(frozen=True, slots=True)
class Login:
    """A client's user name and password, or `BEARER` and a token. Neither is ever kept, printed or logged."""

    user: str = field(repr=False)
    password: str = field(repr=False)

    @classmethod
    def of(cls, authorization: str | None) -> Login | None:
        """Return what an ``Authorization`` header says, ``Basic`` (RFC 7617) or ``Bearer`` (RFC 6750); or None."""
        scheme, _, encoded = (authorization or "")[:_LONGEST_AUTHORIZATION].partition(" ")
        if scheme.lower() == "bearer" and re.fullmatch(BEARER_TOKEN, encoded.strip()):
            return cls(BEARER, encoded.strip())
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        return cls(user, password) if colon and (user or password) else None

    def address(self, url: Address) -> Address:
        """Return ``url`` with this login in the place of its own."""
        return url.with_login(self.user, self.password)


#: In JSON; two backslashes are one that stands for itself.
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class Upstream:
    """Asks registries. Safe to use from many threads as far as ``http`` is.

    addresses: of the registries, by name; user information in them is the mirror's own. now: the time.
    """

    def __init__(self, http: Http, addresses: Mapping[str, Address], now: Callable[[], Instant]) -> None:
        self._http = http
        self._addresses = addresses
        self._now = now

    def ask(
        self, registry: str, project: NormalizedName, *, etag: str | None = None, login: Login | None = None
    ) -> tuple[Page | Gone | Unchanged, Look]:
        """Return what a registry says of a project, and what proves that it was asked.

        etag: of the page that is known; None where none is.
        login: is sent instead of the mirror's own. Raises `AccessError` where the registry does not let it in,
        `NetworkError` where it does not answer, and `UnavailableError` for an answer that cannot be read.
        """
        address = self._addresses[registry]
        if login is not None:
            address = login.address(address)
        looked_at = self._now()
        headers = {"Accept": ACCEPT, "If-None-Match": etag} if etag else {"Accept": ACCEPT}
        response = self._http.get(page_address(address, project).with_credentials, headers=headers)
        if response.status == _NOT_MODIFIED and etag:
            return Unchanged(), Look(seen_at=looked_at, etag=etag)
        if response.status in _NOT_THERE:
            return Gone(), Look(seen_at=looked_at)
        page = _page(project, address.redacted, response)
        tag, digest = response.headers.get("etag"), hashlib.sha256(response.body).hexdigest()
        return page, Look(seen_at=looked_at, serial=page.last_serial, etag=tag, digest=digest)

    def file_address(self, registry: str, url: str, login: Login | None) -> Address:
        """Return the address of a file with the login that belongs to it, if any.

        A login goes along where registry and file have one origin.
        """
        address, file = self._addresses[registry], Address(url)
        if login is None or not file.is_web or file.origin != address.split_userinfo()[0].origin:
            return file
        return login.address(file)


def page_address(registry: Address, project: NormalizedName) -> Address:
    """Return where a registry has the page of a project."""
    # The project goes into the path: a query, where some hosts carry a token, stays behind it.
    parts = urlsplit(registry.with_credentials)
    return Address(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(project, safe='')}/")))


def list_address(registry: Address) -> Address:
    """Return where a registry has the list of its projects."""
    parts = urlsplit(registry.with_credentials)
    return Address(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/")))


def _page(project: NormalizedName, address: str, response: Response) -> Page:
    if response.status in _NOT_ALLOWED:
        raise AccessError(f"{address} does not let the page of {project} be read (HTTP {response.status})")
    if response.status != _OK:
        raise not_a_project_page(project, address, f"the answer is HTTP {response.status}")
    source = PageSource.of(project, address, response.url)
    content_type = response.headers.get("content-type", "")
    return read_page(_without_nul(response.body, content_type), content_type, source)


def _without_nul(body: bytes, content_type: str) -> bytes:
    """Return a page with U+FFFD for each NUL, as browsers read HTML: no text in PostgreSQL may have one."""
    if "json" in content_type.lower():
        return _ESCAPED_NUL.sub(rb"\1\\ufffd", body) if rb"\u0000" in body else body
    return body.replace(b"\0", "\ufffd".encode())
