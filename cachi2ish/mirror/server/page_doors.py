"""The doors to pages: ``/<date>/simple/<project>/`` and what belongs to it, for each registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from math import inf
from typing import Protocol

from packaging.utils import NormalizedName, canonicalize_name
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.mirror.page_desk import Answer, Made, Make
from cachi2ish.mirror.path_dates import DateKind, PathDate
from cachi2ish.mirror.records import DatedPage, Registry
from cachi2ish.mirror.server.hot_pages import Headers, HotPages, Ready, Wishes
from cachi2ish.mirror.server.places import Places, is_name
from cachi2ish.mirror.server.rendering import Rendered, render_list, render_page, render_poetry, without_metadata
from cachi2ish.mirror.server.replies import Refused, moved, refused
from cachi2ish.mirror.upstream import Login

#: Seconds for which a page that may still change is answered out of memory, and may be kept by clients.
_SHORT = 10
_KEPT_BY_CLIENTS = 60

_FOR_EVER = b"max-age=31536000, immutable"


class Sent(Response):
    """A page that is ready to go."""

    def __init__(self, ready: Ready, known: bytes) -> None:
        super().__init__()
        self._ready = ready
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (as Starlette calls it)
        """Send it, or that it has not changed."""
        await self._ready.send(send, self._known)


class Desk(Protocol):
    """Finds pages: `cachi2ish.mirror.page_desk.PageDesk`, or `cachi2ish.mirror.fixed_set.FixedSet`."""

    async def answer(
        self,
        registry: Registry,
        project: NormalizedName,
        date: PathDate,
        login: Login | None = None,
        make: Make[Made] | None = None,
    ) -> Answer[Made]:
        """Return the page of ``project`` as of ``date``; raises `Cachi2ishError`."""
        ...


class ProjectLists(Protocol):
    """Knows projects: the history, or a fixed set."""

    def projects(self, registry: str, cutoff: Cutoff | None) -> tuple[NormalizedName, ...]:
        """Return those that have a page as of ``cutoff``, by name."""
        ...


class PageDoors:
    """Answers requests for pages. For the event loop.

    metadata: from the keys of wheels to the sha256 of their metadata, where the mirror has it. executor: renders.
    clock: seconds.
    """

    def __init__(
        self,
        *,
        history: ProjectLists,
        places: Places,
        desk: Desk,
        hot: HotPages,
        metadata: Callable[[Collection[str]], Mapping[str, str]],
        executor: Executor,
        clock: Callable[[], float],
    ) -> None:
        self._history = history
        self._places = places
        self._desk = desk
        self._hot = hot
        self._metadata = metadata
        self._executor = executor
        self._clock = clock

    async def project(self, request: Request) -> Response:
        """Answer ``/<date>/simple/<project>/``."""
        registry, date = self._places.of(request)
        written = request.path_params["project"]
        slash = request.url.path.endswith("/")
        project = canonicalize_name(written)
        if not is_name(written):
            return Refused(HTTPStatus.NOT_FOUND, f"{written!r} is no name of a project")
        if project != written or not slash:
            return moved(f"../{project}/" if slash else f"{project}/")
        wishes = Wishes.of(request.scope["headers"])
        if wishes.form is None:
            return Refused(HTTPStatus.NOT_ACCEPTABLE, "pages are served as HTML and JSON (PEP 691)")
        form = wishes.form

        def render(dated: DatedPage, *, stale: bool = False) -> Rendered:
            # A page that never changes again does not say what the mirror holds by now.
            metadata = None if dated.closed else self._metadata(without_metadata(dated)).get
            return render_page(dated, form, _root(request), stale=stale, metadata=metadata, pack=wishes.packed)

        return await self._answer(request, registry, project, date, wishes, render)

    async def poetry(self, request: Request) -> Response:
        """Answer ``/<date>/pypi/<project>/json``."""
        registry, date = self._places.of(request)
        written = request.path_params["project"]
        if not is_name(written):
            return Refused(HTTPStatus.NOT_FOUND, f"{written!r} is no name of a project")
        wishes = Wishes.of(request.scope["headers"])

        def render(dated: DatedPage, *, stale: bool = False) -> Rendered:  # noqa: ARG001  (a header says so)
            return render_poetry(dated, _root(request), pack=wishes.packed)

        return await self._answer(request, registry, canonicalize_name(written), date, wishes, render)

    async def projects(self, request: Request) -> Response:
        """Answer ``/<date>/simple/``."""
        registry, date = self._places.of(request)
        if not request.url.path.endswith("/"):
            return moved("simple/")
        if registry.private:
            return Refused(HTTPStatus.FORBIDDEN, f"{registry.name} is private: its projects are not listed")
        wishes = Wishes.of(request.scope["headers"])
        if wishes.form is None:
            return Refused(HTTPStatus.NOT_ACCEPTABLE, "the list is served as HTML and JSON (PEP 691)")
        loop = asyncio.get_running_loop()
        names = await loop.run_in_executor(self._executor, self._history.projects, registry.name, date.cutoff)
        rendered = await loop.run_in_executor(
            self._executor, partial(render_list, names, wishes.form, pack=wishes.packed)
        )
        headers: Headers = [(b"cache-control", b"max-age=%d" % _KEPT_BY_CLIENTS)]
        ready = Ready.of(rendered, headers, packed=wishes.packed, until=self._clock() + _SHORT)
        self._hot.keep(_path_of(request), wishes, ready)
        return Sent(ready, wishes.known)

    async def _answer(
        self,
        request: Request,
        registry: Registry,
        project: NormalizedName,
        date: PathDate,
        wishes: Wishes,
        render: Callable[..., Rendered],
    ) -> Response:
        login = Login.of(request.headers.get("authorization")) if registry.private else None
        answer = await self._desk.answer(registry, project, date, login, render)
        dated = answer.content
        if not isinstance(dated, DatedPage):
            return refused(dated)
        rendered = answer.made
        if rendered is None:
            loop = asyncio.get_running_loop()
            rendered = await loop.run_in_executor(self._executor, partial(render, dated, stale=answer.stale))
        closed = dated.closed and date.kind is DateKind.FIXED
        keep = not (registry.private or answer.stale or date.kind is DateKind.LIVE)
        ready = Ready.of(
            rendered,
            _headers(dated, answer, date, private=registry.private, closed=closed),
            packed=wishes.packed,
            until=inf if closed else self._clock() + _SHORT,
        )
        if keep:
            self._hot.keep(_path_of(request), wishes, ready)
        return Sent(ready, wishes.known)


def _path_of(request: Request) -> bytes:
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"]
    return b"%s?%s" % (path, query) if query else path


def _root(request: Request) -> str:
    registry, date = ("registry" in request.path_params), ("date" in request.path_params)
    return "../" * (2 + date + 2 * registry)


def _headers(
    dated: DatedPage, answer: Answer[Rendered], date: PathDate, *, private: bool, closed: bool
) -> Headers:
    if private or answer.stale or date.kind is DateKind.LIVE:
        cache = b"private, no-cache" if private else b"no-cache"
    else:
        cache = _FOR_EVER if closed else b"max-age=%d" % _KEPT_BY_CLIENTS
    headers: Headers = [(b"cache-control", cache), (b"x-coverage", dated.coverage.value.encode())]
    if dated.page.last_serial is not None:
        headers.append((b"x-pypi-last-serial", b"%d" % dated.page.last_serial))
    if answer.stale:
        headers.append((b"warning", b'110 - "Response is Stale"'))
    elif not date.over:
        headers.append((b"warning", b'299 - "that day is not over: what is uploaded until then is to come"'))
    return headers
