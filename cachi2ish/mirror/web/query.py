"""What a request for a page asks: its registry, its dates, its project; and where the mirror is for who asks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from starlette.requests import Request

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.messages import excerpt
from cachi2ish.errors import InputError
from cachi2ish.mirror.instants import end_of
from cachi2ish.mirror.path_dates import LIVE, DateKind
from cachi2ish.mirror.records import Instant, Registry
from cachi2ish.mirror.server.places import MAIN, Places, is_name
from cachi2ish.mirror.upstream import Login

#: A host with or without a port, as a browser sends it.
_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

#: The most that a page number may be.
_MOST_PAGES = 100_000

_PAGE = re.compile(r"[1-9][0-9]{0,17}")


#: What each page takes out of its query, by the template.
_TAKEN: Mapping[str, tuple[str, ...]] = {
    "home.html": ("project", "date", "registry"),
    "state.html": (),
    "project.html": ("date", "registry", "page"),
    "version.html": ("date", "registry", "page"),
    "compare.html": ("project", "before", "after", "registry"),
    "diff.html": ("project", "before", "after", "registry", "page"),
    "locks.html": (),
    "lock_diff.html": ("pins", "before", "after", "registry"),
    "since.html": ("pins", "registry"),
}


class Ignored(Struct, frozen=True):
    """What stands in the query of a page and means nothing there. taken: what it could have been."""

    names: tuple[str, ...]
    taken: tuple[str, ...]


def ignored_in(request: Request, template: str) -> Ignored:
    """Return what a page does not take; nothing where a form was sent."""
    taken = _TAKEN[template]
    given = () if request.method == "POST" else request.query_params.keys()
    return Ignored(tuple(dict.fromkeys(name for name in given if name not in taken)), taken)


class Place(Struct, frozen=True):
    """A registry and a date. date: as it stands in addresses; cutoff: None for live."""

    registry: Registry
    date: str
    cutoff: Cutoff | None

    @property
    def before(self) -> Instant | None:
        """The instant before which a file must have been there; None for live."""
        return end_of(self.cutoff)

    @property
    def prefix(self) -> str:
        """The path from the root of the mirror to pages of this registry and date."""
        place = "" if self.registry.name == MAIN else f"r/{self.registry.name}/"
        return f"{place}{self.date}/simple/"


def place_of(
    places: Places, given: Mapping[str, str], *, key: str | None = "date", otherwise: str = LIVE
) -> Place:
    """Return the registry and the date that the fields of a query or a form name.

    key: of the date, None for a door that takes none; otherwise: the date where there is none. Raises `InputError`
    where there is no such registry or date, and for a duration: what it means is another thing each time.
    """
    text = ("" if key is None else given.get(key, "").strip()) or otherwise
    registry, date = places.named(given.get("registry") or MAIN, text)
    if date.kind is DateKind.COOL_DOWN:
        raise InputError(f"{excerpt(text)} is no day, no instant and not live: a page shows one of these")
    return Place(registry, text, date.cutoff)


def project_of(written: str) -> NormalizedName:
    """Return the name of a project. Raises `InputError` for what is none."""
    if not is_name(written):
        raise InputError(f"{excerpt(written)!r} is no name of a project")
    return canonicalize_name(written)


def page_of(given: Mapping[str, str]) -> int:
    """Return the number of the page that is wanted, from 1. Raises `InputError`."""
    text = given.get("page", "1")
    if _PAGE.fullmatch(text) is None:
        raise InputError(f"{excerpt(text)!r} is no number of a page: they begin with 1")
    if int(text) > _MOST_PAGES:
        raise InputError(f"there is no page {excerpt(text)}")
    return int(text)


def is_backwards(before: Place, after: Place) -> bool:
    """Return whether the second of two dates is before the first."""
    if before.before is None or after.before is None:
        return before.before is None and after.before is not None
    return after.before < before.before


def is_foreign(request: Request) -> bool:
    """Return whether a browser says that a page of another site asks (Fetch Metadata)."""
    return request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


def login_of(request: Request, registry: Registry) -> Login | None:
    """Return the login that a request has for a private registry."""
    return Login.of(request.headers.get("authorization")) if registry.private else None


def base_of(request: Request) -> str:
    """Return the address of the mirror as the client has it, with a slash at its end.

    A proxy in front of it says with ``X-Forwarded-Proto`` that the client speaks TLS. What the client says of the
    host is only ever shown to that client.
    """
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        host, port = request.scope["server"]
        host = f"{f'[{host}]' if ':' in host else host}:{port}"
    secure = request.headers.get("x-forwarded-proto") == "https"
    return f"{'https' if secure else 'http'}://{host}/"
