"""Answers to people and their programs: a page and its JSON twin from one view, and readable refusals."""

from __future__ import annotations

from collections.abc import Mapping
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
    ) -> Response:
        """Return a page, or the view as JSON where its twin is asked for.

        private: for this client alone. further: what the template has beside ``view``.
        """
        wishes, ignored = Wishes.of(request.scope["headers"]), ignored_in(request, template)
        if wants_twin(request):
            more = {"ignored": ignored.names} if ignored.names else {}
            encoded = msgspec.json.encode({**msgspec.to_builtins(view), **more} if more else view)
            rendered = packed(_JSON, encoded, pack=wishes.packed)
            headers = list(_GUARDED)
        else:
            content = {"view": view, "twin": _twin_of(request), "ignored": ignored, **(further or {})}
            filled = self._templates.fill(template, root_of(request), content)
            rendered = packed(_HTML, filled, pack=wishes.packed)
            headers = list(_OF_PAGES)
        kept = b"private, no-store" if private or request.method == "POST" else b"no-cache"
        headers.append((b"cache-control", kept))
        known = b"" if request.method == "POST" else wishes.known
        return Sent(Ready.of(rendered, headers, packed=wishes.packed), known)

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
