"""Answers to people and their programs: a page and its JSON twin from one view, and readable refusals."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Coroutine, Mapping
from html import escape
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cachi2ish.errors import Cachi2ishError
from cachi2ish.mirror.server.hot_pages import Headers, Ready, Wishes
from cachi2ish.mirror.server.page_doors import Sent
from cachi2ish.mirror.server.places import is_name
from cachi2ish.mirror.server.rendering import packed
from cachi2ish.mirror.server.replies import Refused, failed, reason_of
from cachi2ish.mirror.server.sending.request_wire import Wire
from cachi2ish.mirror.web.query import ignored_in
from cachi2ish.mirror.web.templating import CONTENT_POLICY, Templates, query, segment
from cachi2ish.mirror.web.views import Problem

#: How the address of a twin ends.
TWIN = ".json"

_HTML, _JSON, _PROBLEM = "text/html; charset=utf-8", "application/json", "application/problem+json"

_GUARDED: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_OF_PAGES: Headers = [*_GUARDED, (b"content-security-policy", CONTENT_POLICY.encode())]

_FOR_EVER = b"max-age=31536000, immutable"

#: Seconds after which the head of a page leaves alone.
PATIENCE = 0.003

#: A window of zlib's that makes gzip of it.
_GZIP = 31

_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


class Readable(Response):
    """A refusal as a page, with the reason in the status line too."""

    def __init__(self, body: bytes, content_type: str, refused: Refused, headers: Headers) -> None:
        kept = {name: value for name, value in refused.headers.items() if name not in _OF_BODIES}
        super().__init__(body, refused.status_code, kept, content_type)
        self.raw_headers += headers
        self._phrase = reason_of(refused.text)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        Wire.of(scope).reason = self._phrase
        await super().__call__(scope, receive, send)


_OF_BODIES = frozenset({"content-length", "content-type"})


class Filled(Sent):
    """A page with all that it has. whole: as it is before it is packed."""

    def __init__(self, ready: Ready, known: bytes, whole: bytes) -> None:
        super().__init__(ready, known)
        self.whole = whole


class Begun(Response):
    """A page whose head is there, and whose rest is still being made. It has no length and no ETag.

    making: ends with the page, which begins with the head. What fails then cannot have its status any more: the
    page says so, and breaks off without the end that HTTP wants, so that no program takes it for whole.
    """

    def __init__(self, head: bytes, making: Awaitable[Filled], headers: Headers, *, pack: bool) -> None:
        super().__init__()
        self._head = head
        self._making = making
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP) if pack else None
        packing: Headers = [(b"content-encoding", b"gzip")] if pack else []
        self._fields = [
            (b"content-type", _HTML.encode()),
            *packing,
            (b"vary", b"Accept, Accept-Encoding"),
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (as Starlette calls it)
        """Send the head, and the rest when it is there."""
        await send({"type": "http.response.start", "status": 200, "headers": self._fields})
        await self._send(send, self._head, zlib.Z_SYNC_FLUSH)
        try:
            filled = await self._making
        except Cachi2ishError as error:
            text = f'<p class="notice">This page breaks off here: {escape(error.problem)}</p>'
            await self._send(send, text.encode(), zlib.Z_SYNC_FLUSH)
            raise
        await self._send(send, filled.whole.removeprefix(self._head), zlib.Z_FINISH)

    async def _send(self, send: Send, part: bytes, mode: int) -> None:
        if self._packer is not None:
            part = self._packer.compress(part) + self._packer.flush(mode)
        await send({"type": "http.response.body", "body": part, "more_body": mode != zlib.Z_FINISH})


class Answers:
    """Makes answers. templates: for the pages."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def page(
        self,
        request: Request,
        template: str,
        view: Struct,
        *,
        private: bool,
        further: Mapping[str, Any] | None = None,
    ) -> Filled:
        """Return a page, or the view as JSON where its twin is asked for.

        private: for this client alone. further: what the template has beside ``view``.
        """
        wishes, ignored = Wishes.of(request.scope["headers"]), ignored_in(request, template)
        if wants_twin(request):
            more = {"ignored": ignored.names} if ignored.names else {}
            whole = msgspec.json.encode({**msgspec.to_builtins(view), **more} if more else view)
            rendered = packed(_JSON, whole, pack=wishes.packed)
            headers = list(_GUARDED)
        else:
            content = {"view": view, "twin": _twin_of(request), "ignored": ignored, **(further or {})}
            whole = self._templates.fill(template, root_of(request), content)
            rendered = packed(_HTML, whole, pack=wishes.packed)
            headers = list(_OF_PAGES)
        headers.append(_kept(request, private=private))
        known = b"" if request.method == "POST" else wishes.known
        return Filled(Ready.of(rendered, headers, packed=wishes.packed), known, whole)

    async def in_time(
        self,
        request: Request,
        template: str,
        heading: Mapping[str, object],
        making: Coroutine[Any, Any, Filled],
        *,
        private: bool,
        slow: bool = False,
    ) -> Response:
        """Return a page, or its head and a promise of the rest where that takes a while to make.

        heading: what the head has of the view. making: makes the page. What decides about the status is to be
        known before: all that ``making`` may raise is that the database fails. slow: it is known to take a while.
        """
        if request.method == "HEAD" or request.scope["http_version"] != "1.1" or wants_twin(request):
            return await making
        rest: Awaitable[Filled] = making
        if not slow:
            rest = task = asyncio.create_task(making)
            done, _ = await asyncio.wait([task], timeout=PATIENCE)
            if done:
                return task.result()
        content = {"view": heading, "ignored": ignored_in(request, template), "head_only": True}
        head = self._templates.fill(template, root_of(request), content)
        headers: Headers = [*_OF_PAGES, _kept(request, private=private)]
        return Begun(head, rest, headers, pack=Wishes.of(request.scope["headers"]).packed)

    def failure(self, request: Request, error: Cachi2ishError) -> Response:
        """Return the answer to a request that ended with an error."""
        return self.refusal(request, failed(error))

    def refusal(
        self, request: Request, refused: Refused, suggestions: tuple[str, ...] = (), *, dated: bool = False
    ) -> Response:
        """Return a refusal, as a page or as a problem.

        suggestions: names of projects that may be meant. dated: whether its date has pages.
        """
        status = HTTPStatus(refused.status_code)
        view = Problem(
            title=status.phrase,
            status=status.value,
            detail=refused.text,
            reason=refused.reason,
            suggestions=suggestions,
        )
        if wants_twin(request):
            return Readable(msgspec.json.encode(view), _PROBLEM, refused, _GUARDED)
        given = {name: value for name, value in request.query_params.items() if name in {"date", "registry"}}
        content = {"view": view, "given": given, "twin": "", "ignored": None}
        content["ways"] = _ways_out(request, given, dated=dated)
        body = self._templates.fill("problem.html", root_of(request), content)
        return Readable(body, _HTML, refused, _OF_PAGES)

    def nothing_there(self, request: Request, refused: Refused) -> Response:
        """Return a refusal for an address that there is not: as a page for a browser, for programs as it is."""
        # Installers that take HTML name it last, and curl takes anything.
        is_browser = request.headers.get("accept", "").startswith("text/html")
        return self.refusal(request, refused) if is_browser else refused

    async def static(self, request: Request) -> Response:
        """Answer ``/web/<name>``: a style sheet or a picture, whose name has its digest."""
        name = request.path_params["name"]
        content = self._templates.files.get(name)
        if content is None:
            return Refused(HTTPStatus.NOT_FOUND, "there is no such file of the pages; look at a page again")
        wishes = Wishes.of(request.scope["headers"])
        rendered = packed(_TYPES[name.rpartition(".")[2]], content, pack=wishes.packed)
        headers: Headers = [*_GUARDED, (b"cache-control", _FOR_EVER)]
        return Sent(Ready.of(rendered, headers, packed=wishes.packed), wishes.known)


def _kept(request: Request, *, private: bool) -> tuple[bytes, bytes]:
    kept = b"private, no-store" if private or request.method == "POST" else b"no-cache"
    return b"cache-control", kept


def wants_twin(request: Request) -> bool:
    """Return whether JSON is asked for."""
    path: str = request.scope["path"]
    return path.endswith(TWIN)


def root_of(request: Request) -> str:
    """Return the way from a page to the root of the mirror: relative, whatever its host is called."""
    path: str = request.scope["path"]
    return "../" * (path.count("/") - 1)


def _ways_out(request: Request, given: Mapping[str, str], *, dated: bool) -> list[tuple[str, str]]:
    """Return where somebody may want to go from a page that is not there: addresses from the root, and words."""
    path: str = request.scope["path"]
    room, *names = path.strip("/").split("/")
    ways = []
    if room == "projects" and names and is_name(names[0]):
        project, kept = names[0], {name: one for name, one in given.items() if dated or name != "date"}
        if len(names) > 1:
            ways.append((f"projects/{project}{query(**kept)}", f"All versions of {project}"))
        if not dated and "date" in given:
            ways.append((f"projects/{'/'.join(map(segment, names))}{query(**kept)}", "The same as of now"))
    elif room == "diff":
        project = request.query_params.get("project", "").strip()
        if is_name(project):
            ways.append((f"projects/{project}", f"All versions of {project}"))
        ways.append(("diff", "Compare other dates"))
    elif room == "locks" and names:
        ways.append(("locks", "Check another lock"))
    return ways


def _twin_of(request: Request) -> str:
    """Return the way from a page to its twin; empty where the page is the answer to a form with a file."""
    if request.method == "POST":
        return ""
    path: bytes = request.scope["raw_path"]
    name = path.decode("latin-1").rpartition("/")[2] or "index"
    query = request.url.query
    return f"{name}{TWIN}{'?' if query else ''}{query}"
