"""The doors to pages for people: the first one, a project, a version, two dates compared, the state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cachi2ish.core.messages import excerpt
from cachi2ish.errors import Cachi2ishError
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.pasts import ProjectPast
from cachi2ish.mirror.records import Coverage, Instant, Registry
from cachi2ish.mirror.server.places import Places
from cachi2ish.mirror.server.replies import Refused, moved
from cachi2ish.mirror.web.answers import TWIN, Answers, Filled, root_of, wants_twin
from cachi2ish.mirror.web.copy_lines import copy_lines
from cachi2ish.mirror.web.past_desk import PastDesk
from cachi2ish.mirror.web.project_views import Shown, diff_view, project_view, version_view
from cachi2ish.mirror.web.query import Place, base_of, is_backwards, login_of, page_of, place_of, project_of
from cachi2ish.mirror.web.state_views import StateDesk
from cachi2ish.mirror.web.timeline import draw
from cachi2ish.mirror.web.version_rows import VersionsAt
from cachi2ish.simple_api.refusal_reasons import RefusalReason

#: Names that are suggested for one that is not known.
_SUGGESTED = 5

_Result = TypeVar("_Result")
Endpoint = Callable[[Request], Awaitable[Response]]


class WebDoors:
    """Answers people. For the event loop. executor: reads the history and fills templates. now: the time."""

    def __init__(
        self,
        *,
        history: Sightings,
        places: Places,
        desk: PastDesk,
        state: StateDesk,
        answers: Answers,
        observed_only: bool,
        executor: Executor,
        now: Callable[[], Instant],
    ) -> None:
        self._history = history
        self._places = places
        self._desk = desk
        self._state = state
        self._answers = answers
        self._observed_only = observed_only
        self._executor = executor
        self._now = now
        self._counting = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Return the doors, each with its twin."""
        pages: tuple[tuple[str, str, Endpoint], ...] = (
            ("/", "/index.json", self.home),
            ("/state", "/state.json", self.state),
            ("/diff", "/diff.json", self.diff),
            ("/projects/{project}", "/projects/{project}.json", self.project),
            ("/projects/{project}/{version}", "/projects/{project}/{version}.json", self.version),
        )
        routes: list[Route] = []
        for path, twin, endpoint in pages:
            guarded = readable(self._answers, endpoint)
            routes += [Route(twin, guarded), Route(path, guarded)]
        return [*routes, Route("/web/{name}", self._answers.static)]

    async def home(self, request: Request) -> Response:
        """Answer ``/``: how to use a date, and how much is known of it."""
        given = request.query_params
        if given.get("project", "").strip():
            return self._to_project(request, given["project"].strip())
        place = place_of(self._places, given, otherwise=self._state.week_ago())

        async def making() -> Filled:
            async with self._counting:
                coverage = await self._run(self._state.coverage, place)
            view = await self._run(self._state.home, place, f"{base_of(request)}{place.prefix}", coverage)
            return await self._page(request, "home.html", view, place.registry)

        return await self._answers.in_time(request, "home.html", {}, making(), private=place.registry.private)

    async def state(self, request: Request) -> Response:
        """Answer ``/state``: sync and store."""

        async def making() -> Filled:
            view = await self._run(self._state.state)
            return self._answers.page(request, "state.html", view, private=False)

        return await self._answers.in_time(request, "state.html", {}, making(), private=False)

    async def project(self, request: Request) -> Response:
        """Answer ``/projects/<project>``: its versions as of a date, and what became of them."""
        given, written = request.query_params, request.path_params["project"]
        project, place, page = project_of(written), place_of(self._places, given), page_of(given)
        if project != written:
            return _respelled(request, written, project)
        instants = (place.before, None)
        past, stale = await self._desk.project(
            place.registry, project, instants, login=login_of(request, place.registry), at_once=True
        )
        missing = await self._missing(request, past, place)
        if missing is not None:
            return missing
        shown = _shown(place, page, stale=stale)

        def make(past: ProjectPast) -> Filled:
            versions = VersionsAt(past, place.before)
            wanted = str(project) if versions.newest is None else f"{project}=={versions.newest}"
            lines = copy_lines(f"{base_of(request)}{place.prefix}", wanted)
            view = project_view(past, versions, shown, lines)
            timeline = draw(versions.standings, place.before, past.generations[0].first_seen, self._now())
            return self._filled(request, "project.html", view, place.registry, timeline=timeline)

        heading = {"registry": place.registry.name, "project": project, "date": place.date}
        making = self._made(past, make)
        return await self._answers.in_time(
            request, "project.html", heading, making, private=place.registry.private
        )

    async def version(self, request: Request) -> Response:
        """Answer ``/projects/<project>/<version>``: its files as of a date, and what became of them."""
        given, written = request.query_params, request.path_params["project"]
        project, place, page = project_of(written), place_of(self._places, given), page_of(given)
        version = request.path_params["version"]
        login = login_of(request, place.registry)
        past, stale = await self._desk.project(
            place.registry, project, (place.before, None), login=login, versions=[version], at_once=True
        )
        missing = await self._missing(request, past, place)
        if missing is not None:
            return missing
        known = await self._desk.spelling(past, version)
        if known is None:
            text = f"{place.registry.name} has never had {project} {excerpt(version)}, as far as is known"
            refused = Refused(HTTPStatus.NOT_FOUND, text, reason=RefusalReason.NO_SUCH_PLACE)
            return self._answers.refusal(request, refused, dated=True)

        def make(past: ProjectPast) -> Filled:
            view = version_view(past, known, _shown(place, page, stale=stale))
            return self._filled(request, "version.html", view, place.registry)

        heading = {"registry": place.registry.name, "project": project, "version": known, "date": place.date}
        making = self._made(past, make, known)
        return await self._answers.in_time(
            request, "version.html", heading, making, private=place.registry.private
        )

    async def diff(self, request: Request) -> Response:
        """Answer ``/diff``: how a project differs between two dates; without a project, the form."""
        given = request.query_params
        before = place_of(self._places, given, key="before", otherwise=self._state.week_ago())
        after, page = place_of(self._places, given, key="after"), page_of(given)
        written = given.get("project", "").strip()
        if not written and not wants_twin(request):
            return await self._page(request, "compare.html", before, before.registry, after=after, twin="")
        project, login = project_of(written), login_of(request, before.registry)
        instants = (before.before, after.before, None)
        past, stale = await self._desk.project(before.registry, project, instants, login=login, at_once=True)
        missing = await self._missing(request, past, before, after)
        if missing is not None:
            return missing
        shown = _shown(before, page), _shown(after, page, stale=stale)

        def make(past: ProjectPast) -> Filled:
            view = replace(diff_view(past, *shown), backwards=is_backwards(before, after))
            return self._filled(request, "diff.html", view, before.registry)

        heading = {
            "registry": before.registry.name,
            "project": project,
            "before": before.date,
            "after": after.date,
        }
        making = self._made(past, make)
        return await self._answers.in_time(request, "diff.html", heading, making, private=before.registry.private)

    async def _made(self, past: ProjectPast, make: Callable[[ProjectPast], Filled], *versions: str) -> Filled:
        """Return a page that is made of all that is known of a project."""
        return await self._run(make, await self._desk.completed(past, versions))

    async def _missing(self, request: Request, past: ProjectPast, *places: Place) -> Response | None:
        """Return the refusal of a project of which there is nothing, or of a date at which nobody had looked."""
        registry = places[0].registry
        if not past.generations:
            alike = () if registry.private else await self._alike(registry, past.name)
            text = f"{past.name} is not on {registry.name}"
            refused = Refused(HTTPStatus.NOT_FOUND, text, reason=RefusalReason.ABSENT)
            return self._answers.refusal(request, refused, alike, dated=True)
        for place in places:
            computed = past.at(place.before).coverage is Coverage.COMPUTED
            if self._observed_only and place.before is not None and computed:
                text = f"nobody had looked at {past.name} by {place.date}, and only what was observed is shown"
                return self._answers.refusal(
                    request, Refused(HTTPStatus.CONFLICT, text, reason=RefusalReason.COVERAGE)
                )
        return None

    async def _alike(self, registry: Registry, name: NormalizedName) -> tuple[NormalizedName, ...]:
        return await self._run(self._history.pasts.alike, registry.name, name, _SUGGESTED)

    def _to_project(self, request: Request, written: str) -> Response:
        project = project_of(written)
        kept = {
            name: value for name, value in request.query_params.items() if name in {"date", "registry"} and value
        }
        twin = TWIN if wants_twin(request) else ""
        query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in kept.items())
        target = f"{root_of(request)}projects/{project}{twin}{'?' if query else ''}{query}"
        return RedirectResponse(target, HTTPStatus.SEE_OTHER)

    async def _page(
        self,
        request: Request,
        template: str,
        view: Struct,
        registry: Registry,
        **further: object,
    ) -> Filled:
        return await self._run(partial(self._filled, request, template, view, registry, **further))

    def _filled(
        self, request: Request, template: str, view: Struct, registry: Registry, **further: object
    ) -> Filled:
        return self._answers.page(request, template, view, private=registry.private, further=further)

    async def _run(self, work: Callable[..., _Result], *arguments: Any) -> _Result:  # noqa: ANN401
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)


def readable(answers: Answers, endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose refusals people can read; its name is that of the door in the metrics."""

    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Cachi2ishError as error:
            return answers.failure(request, error)

    guarded.__name__ = endpoint.__name__
    return guarded


def _shown(place: Place, page: int, *, stale: bool = False) -> Shown:
    return Shown(registry=place.registry.name, date=place.date, before=place.before, page=page, stale=stale)


def _respelled(request: Request, written: str, project: NormalizedName) -> Response:
    """Return the way to the one address of a project."""
    path: str = request.scope["path"]
    tail = path.rpartition("/")[2].removeprefix(written)
    query = request.url.query
    return moved(f"{project}{tail}{'?' if query else ''}{query}")
