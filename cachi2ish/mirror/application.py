"""Puts the mirror together: its parts, its doors, and what runs beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from packaging.utils import NormalizedName
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError
from cachi2ish.mirror.accepted import Acceptances, Tokens
from cachi2ish.mirror.following import Follower
from cachi2ish.mirror.held.relay import Relay
from cachi2ish.mirror.looking import Lookout
from cachi2ish.mirror.page_desk import PageDesk
from cachi2ish.mirror.records import Registry, now_in_microseconds
from cachi2ish.mirror.rooms import Rooms
from cachi2ish.mirror.server.file_doors import FileDoors
from cachi2ish.mirror.server.gate import Gate
from cachi2ish.mirror.server.health import Health, Readiness, tend
from cachi2ish.mirror.server.hot_pages import HotPages
from cachi2ish.mirror.server.metrics import Metrics
from cachi2ish.mirror.server.page_doors import PageDoors
from cachi2ish.mirror.server.places import Places
from cachi2ish.mirror.server.proof_doors import ProofDoors
from cachi2ish.mirror.server.routes import Refuse, router
from cachi2ish.mirror.server.sending.hot_files import HotFiles
from cachi2ish.mirror.upstream import Upstream
from cachi2ish.mirror.web.answers import Answers
from cachi2ish.mirror.web.lock_doors import UPLOADS, LockDoors
from cachi2ish.mirror.web.openapi import description
from cachi2ish.mirror.web.past_desk import PastDesk
from cachi2ish.mirror.web.state_views import StateDesk
from cachi2ish.mirror.web.templating import Templates
from cachi2ish.mirror.web.web_doors import WebDoors

#: Threads that read the history and the disk, that wait for upstreams, and that bring files.
_READERS, _ASKERS, _CARRIERS = 8, 32, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for requests. exempt: projects to which no cool-down applies.

    observed_only: give out what was looked at in its time only. tokens: None for everybody. memory: bytes for
    pages that are asked for again. follow: look at what is due; otherwise somebody else has to.
    """

    exempt: Collection[NormalizedName] = ()
    observed_only: bool = False
    tokens: Tokens | None = None
    memory: int = 64_000_000
    follow: bool = True


@asynccontextmanager
async def running(rooms: Rooms, rules: Rules) -> AsyncIterator[ASGIApp]:
    """Yield the application, and follow projects beside it where it may; stops what is under way at the end."""
    hot = HotPages(rules.memory, time.monotonic)
    metrics = Metrics(lambda: hot.hits)
    acceptances = Acceptances(time.monotonic)
    readers, askers = ThreadPoolExecutor(_READERS, "read"), ThreadPoolExecutor(_ASKERS, "ask")
    carriers = ThreadPoolExecutor(_CARRIERS, "carry")
    upstream = Upstream(rooms.http, rooms.addresses, now_in_microseconds)
    vanished = asyncio.Event()
    relay = Relay(carriers, metrics.downloaded)
    sharing = rooms.sharing(metrics.shared)
    store = rooms.file_store(relay, readers, sharing)
    lookout = Lookout(
        history=rooms.history,
        upstream=upstream,
        registries=rooms.registries,
        acceptances=acceptances,
        executor=askers,
        clock=time.monotonic,
        on_look=metrics.looked,
        on_vanished=vanished.set,
    )
    follower = Follower(
        history=rooms.history,
        registries=[name for name, one in rooms.registries.items() if _may_follow(one, rooms.addresses[name])],
        lookout=lookout,
        upstream=upstream,
        store=store,
        executor=readers,
        now=now_in_microseconds,
        on_rescue=metrics.rescued,
        vanished=vanished,
    )
    desk = PageDesk(
        history=rooms.history,
        lookout=lookout,
        acceptances=acceptances,
        observed_only=rules.observed_only,
        executor=readers,
        now=now_in_microseconds,
    )
    metrics.watch(
        "hot_pages_bytes", "Memory of the pages that are kept in it, with the requests for them.", lambda: hot.size
    )
    metrics.watch("downloads_under_way", "Downloads under way.", lambda: len(relay))
    if not sharing.is_alone:
        metrics.watch(
            "unsent_files",
            "Files that are still to be put into the shared store, or are on their way there.",
            lambda: sharing.unsent,
        )
        metrics.watch("shared_store_lost", "1 while the shared store is left alone.", lambda: sharing.is_lost)
    places = Places(rooms.registries, rules.exempt, lambda: datetime.now(UTC))
    pages = PageDoors(
        history=rooms.history,
        places=places,
        desk=desk,
        hot=hot,
        metadata=rooms.history.metadata_of,
        executor=readers,
        clock=time.monotonic,
    )
    hot_files = HotFiles(store.held_now)
    proofs = ProofDoors(history=rooms.history, places=places, desk=desk, executor=readers)
    files = FileDoors(
        history=rooms.history,
        registries=rooms.registries,
        desk=desk,
        upstream=upstream,
        store=store,
        hot=hot_files,
        executor=readers,
    )
    past_desk = PastDesk(
        history=rooms.history, desk=desk, lookout=lookout, executor=readers, now=now_in_microseconds
    )
    state = StateDesk(
        history=rooms.history,
        registries=rooms.registries,
        directory=rooms.directory,
        files_place=rooms.files_place,
        downloads=lambda: len(relay),
        following=lambda: follower.is_following,
        executor=readers,
        now=now_in_microseconds,
    )
    templates = Templates()
    readers.submit(templates.compile)
    answers = Answers(templates)
    web = WebDoors(
        history=rooms.history,
        places=places,
        desk=past_desk,
        state=state,
        answers=answers,
        observed_only=rules.observed_only,
        executor=readers,
        now=now_in_microseconds,
    )
    locks = LockDoors(
        locks=rooms.locks,
        places=places,
        desk=past_desk,
        state=state,
        answers=answers,
        observed_only=rules.observed_only,
        executor=readers,
    )
    following = asyncio.create_task(follower.follow() if rules.follow else asyncio.sleep(0))
    tending = asyncio.create_task(tend(store))
    try:
        readiness = Readiness(rooms.history, readers, time.monotonic)
        health = [Route("/healthz", Health(sharing).answer), Route("/readyz", readiness.answer)]
        people = [*web.routes(), *locks.routes(), *health]
        doors = _router(places, pages, proofs, files, metrics, people, answers.nothing_there)
        yield Gate(doors, hot=hot, tokens=rules.tokens, metrics=metrics, files=hot_files, uploads=UPLOADS)
    finally:
        following.cancel()
        tending.cancel()
        sharing.stop()
        await asyncio.gather(following, tending, return_exceptions=True)
        await relay.stop()
        for executor in (readers, askers, carriers):
            executor.shutdown(wait=False, cancel_futures=True)


def _may_follow(registry: Registry, address: Address) -> bool:
    return not registry.private or bool(address.split_userinfo()[1])


async def openapi(_request: Request) -> Response:
    """Answer what the JSON twins of the pages are."""
    return Response(description(), media_type="application/json")


def _router(
    places: Places,
    pages: PageDoors,
    proofs: ProofDoors,
    files: FileDoors,
    metrics: Metrics,
    web: Sequence[Route],
    refuse: Refuse,
) -> Router:
    async def prometheus(_request: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    async def dateless(request: Request) -> Response:
        registry = request.path_params.get("registry")
        place = f"/r/{places.registry(registry).name}" if registry else ""
        raise InputError(f"put a date before simple/: {place}/2024-10-01/simple/, or {place}/live/simple/")

    others = [
        *web,
        Route("/openapi.json", openapi),
        Route("/metrics", prometheus),
        Route("/files/{key}/{filename}", files.file),
    ]
    for prefix in ("", "/r/{registry}"):
        others += [
            Route(f"{prefix}/{path}", dateless)
            for path in ("simple", "simple/", "simple/{project}", "simple/{project}/", "pypi/{project}/json")
        ]
        others += [
            Route(f"{prefix}/{{date}}/frozen/", proofs.days),
            Route(f"{prefix}/{{date}}/frozen/{{digest}}/{{project}}/", proofs.proof),
        ]
    return router(pages, others, ("/{date}", "/r/{registry}/{date}"), refuse)
