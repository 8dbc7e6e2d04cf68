"""The doors to which people send a lock: what changed for its pins, and since when all of them are there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from msgspec import Struct
from packaging.utils import NormalizedName
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cachi2ish.errors import AccessError, Cachi2ishError, StorageError
from cachi2ish.lockfiles.interface import LockFiles
from cachi2ish.mirror.pasts import ProjectPast
from cachi2ish.mirror.pins import Pin, Pins, pins_in_query, query_of
from cachi2ish.mirror.records import Instant, Registry
from cachi2ish.mirror.server.places import MAIN, Places
from cachi2ish.mirror.web.answers import Answers, Filled
from cachi2ish.mirror.web.copy_lines import copy_lines
from cachi2ish.mirror.web.lock_views import (
    Presence,
    in_order,
    observed_at,
    pin_change,
    presence,
    since_view,
    unobserved,
)
from cachi2ish.mirror.web.past_desk import Looking, PastDesk
from cachi2ish.mirror.web.pin_views import LockDiffView, LockForm, PinChange
from cachi2ish.mirror.web.query import Place, base_of, is_backwards, is_foreign, login_of, place_of
from cachi2ish.mirror.web.state_views import StateDesk
from cachi2ish.mirror.web.templating import query
from cachi2ish.mirror.web.uploads import Form, UploadError, read_form, read_pins
from cachi2ish.mirror.web.views import CopyLine

#: Locks that are read at once, and those that may wait.
_AT_ONCE, _MOST = 2, 10

#: Projects that are looked up at once for one lock, and for all locks together; seconds after which no registry is
#: asked for a lock any more.
_LOOKS, _ALL_LOOKS, _PATIENCE = 8, 16, 20.0

#: Pins of which is known what there is to say in a few milliseconds.
_FEW = 20

#: Characters of the query of an address that leads to the same page again.
_LONGEST_QUERY = 6000

_Found = TypeVar("_Found")

#: Where forms are sent to: the gate lets nothing else be sent.
UPLOADS = frozenset({"/locks/diff", "/locks/diff.json", "/locks/since", "/locks/since.json"})


class LockDoors:
    """Answers people who have a lock. For the event loop. executor: reads locks and the history.

    A lock may have names that are nobody's business: a public registry is asked only for projects of which
    something is known here, and nothing is written down of the others.
    """

    def __init__(
        self,
        *,
        locks: LockFiles,
        places: Places,
        desk: PastDesk,
        state: StateDesk,
        answers: Answers,
        observed_only: bool,
        executor: Executor,
    ) -> None:
        self._locks = locks
        self._places = places
        self._desk = desk
        self._state = state
        self._answers = answers
        self._observed_only = observed_only
        self._executor = executor
        self._reading = asyncio.Semaphore(_AT_ONCE)
        self._looking = asyncio.Semaphore(_ALL_LOOKS)
        self._waiting = 0

    def routes(self) -> list[Route]:
        """Return the doors."""
        routes = [Route("/locks", self.form)]
        for path, endpoint in (("/locks/diff", self.diff), ("/locks/since", self.since)):
            routes += [
                Route(one, self._guarded(endpoint), methods=["GET", "POST"]) for one in (f"{path}.json", path)
            ]
        return routes

    async def form(self, request: Request) -> Response:
        """Answer ``/locks``: the form."""
        loop = asyncio.get_running_loop()

        async def making() -> Filled:
            rows = await loop.run_in_executor(self._executor, self._state.rows)
            view = LockForm(rows, self._state.week_ago())
            return self._answers.page(request, "locks.html", view, private=False, further={"twin": ""})

        return await self._answers.in_time(request, "locks.html", {}, making(), private=False)

    async def diff(self, request: Request, form: Form, pins: Pins) -> Response:
        """Answer ``/locks/diff``: what two dates tell of each pin."""
        before = place_of(self._places, form.fields, key="before", otherwise=self._state.week_ago())
        after = place_of(self._places, form.fields, key="after")
        instants = (before.before, after.before, None)
        admitted = await self._admitted(request, pins, before.registry, instants)

        def changed(pin: Pin, past: ProjectPast | None) -> PinChange:
            if past is not None and self._observed_only and not observed_at(past, before.before, after.before):
                return unobserved(pin.project, pin.version)
            return pin_change(past, pin.project, pin.version, before.before, after.before)

        async def making() -> Filled:
            pasts = admitted or await self._pasts(request, pins, before.registry, instants)
            view = LockDiffView(
                registry=before.registry.name,
                before=before.date,
                after=after.date,
                pins=in_order(await self._each(pins, pasts, changed)),
                others=pins.others,
                query=_query(pins, before, before=before.date, after=after.date),
                backwards=is_backwards(before, after),
            )
            return await self._page(request, "lock_diff.html", view, before)

        heading = {"registry": before.registry.name, "before": before.date, "after": after.date, "pins": pins.pins}
        return await self._answers.in_time(
            request,
            "lock_diff.html",
            heading,
            making(),
            private=before.registry.private,
            slow=len(pins.pins) > _FEW,
        )

    async def since(self, request: Request, form: Form, pins: Pins) -> Response:
        """Answer ``/locks/since``: since when all pins are there."""
        place = place_of(self._places, form.fields, key=None)
        admitted = await self._admitted(request, pins, place.registry, (None,))

        def since(pin: Pin, past: ProjectPast | None) -> Presence:
            return presence(past, pin.project, pin.version, pin.sha256, observed_only=self._observed_only)

        def lines_for(date: str) -> tuple[CopyLine, ...]:
            dated = Place(place.registry, date, None)
            return copy_lines(f"{base_of(request)}{dated.prefix}", "-r", "requirements.txt")

        async def making() -> Filled:
            pasts = admitted or await self._pasts(request, pins, place.registry, (None,))
            found = await self._each(pins, pasts, since)
            view = since_view(place.registry.name, found, pins.others, _query(pins, place), lines_for)
            return await self._page(request, "since.html", view, place)

        heading = {"registry": place.registry.name}
        return await self._answers.in_time(
            request, "since.html", heading, making(), private=place.registry.private, slow=len(pins.pins) > _FEW
        )

    def _guarded(
        self, endpoint: Callable[[Request, Form, Pins], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that reads the lock, and whose refusals people can read."""

        async def guarded(request: Request) -> Response:
            try:
                form = await self._sent(request)
                async with self._turn():
                    loop = asyncio.get_running_loop()
                    pins = await loop.run_in_executor(self._executor, read_pins, self._locks, form)
                return await endpoint(request, form, pins)
            except UploadError as error:
                return self._answers.refusal(request, error.refused())
            except Cachi2ishError as error:
                return self._answers.failure(request, error)

        guarded.__name__ = f"lock_{endpoint.__name__}"
        return guarded

    async def _sent(self, request: Request) -> Form:
        """Return the form that was sent, or what an address has in the place of one."""
        if request.method == "POST":
            if is_foreign(request):
                raise UploadError(HTTPStatus.FORBIDDEN, "a page of another site has sent this form")
            return await read_form(request, self._executor)
        # A link may stand anywhere; what a page loads by itself, nobody has asked for.
        if is_foreign(request) and request.headers.get("sec-fetch-dest") != "document":
            raise UploadError(HTTPStatus.FORBIDDEN, "a page of another site has asked for this by itself")
        given = dict(request.query_params)
        return Form({**given, "pins": pins_in_query(given.get("pins", ""))})

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until a lock may be read. Raises `UploadError` where too many wait."""
        if self._waiting >= _MOST:
            raise UploadError(HTTPStatus.SERVICE_UNAVAILABLE, "too many locks are read at once; try again")
        self._waiting += 1
        try:
            async with self._reading:
                yield
        finally:
            self._waiting -= 1

    async def _each(
        self,
        pins: Pins,
        pasts: Mapping[NormalizedName, ProjectPast | None],
        work: Callable[[Pin, ProjectPast | None], _Found],
    ) -> list[_Found]:
        """Return what is made of each pin and of what is known of its project, away from the event loop."""

        def make() -> list[_Found]:
            return [work(pin, pasts[pin.project]) for pin in pins.pins]

        return await asyncio.get_running_loop().run_in_executor(self._executor, make)

    async def _admitted(
        self, request: Request, pins: Pins, registry: Registry, instants: Sequence[Instant | None]
    ) -> dict[NormalizedName, ProjectPast | None]:
        """Return what is known of each project of a private registry: what it lets a login see decides all.

        Of a public one nothing is known by then but that the history answers.
        """
        if registry.private:
            return await self._pasts(request, pins, registry, instants)
        await self._desk.check()
        return {}

    async def _pasts(
        self, request: Request, pins: Pins, registry: Registry, instants: Sequence[Instant | None]
    ) -> dict[NormalizedName, ProjectPast | None]:
        """Return what is known of each project; None where a private registry does not say who may see it.

        What is known already is read at once; what has to be looked at, some at once.
        """
        loop = asyncio.get_running_loop()
        wanted: defaultdict[NormalizedName, set[str]] = defaultdict(set)
        for pin in pins.pins:
            wanted[pin.project].add(pin.version)
        found: dict[NormalizedName, ProjectPast | None] = {}
        found.update(await self._desk.without_look(registry, wanted, instants))
        turns, deadline, login = asyncio.Semaphore(_LOOKS), loop.time() + _PATIENCE, login_of(request, registry)

        async def look(project: NormalizedName) -> None:
            async with turns, self._looking:
                looking = Looking.WHERE_KNOWN if loop.time() < deadline else Looking.NEVER
                found[project] = await self._past(
                    self._desk.project(
                        registry, project, instants, login=login, versions=wanted[project], look=looking
                    ),
                    registry,
                )

        try:
            async with asyncio.TaskGroup() as group:
                for project in wanted.keys() - found.keys():
                    group.create_task(look(project))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return found

    async def _past(self, finding: Awaitable[tuple[ProjectPast, bool]], registry: Registry) -> ProjectPast | None:
        try:
            past, _ = await finding
        except Cachi2ishError as error:
            # The page of a public registry has begun by then, and has other rows.
            if isinstance(error, StorageError) or (isinstance(error, AccessError) and registry.private):
                raise
            return None
        return past

    async def _page(self, request: Request, template: str, view: Struct, place: Place) -> Filled:
        render = partial(self._answers.page, request, template, view, private=place.registry.private)
        return await asyncio.get_running_loop().run_in_executor(self._executor, render)


def _query(pins: Pins, place: Place, **fields: str) -> str:
    """Return the query that leads to the same again; empty where it would be too long for an address."""
    registry = "" if place.registry.name == MAIN else place.registry.name
    found = query(pins=query_of(pins.pins), registry=registry, **fields)
    return found if len(found) <= _LONGEST_QUERY else ""
