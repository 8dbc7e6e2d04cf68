"""The doors to frozen days: ``/<date>/frozen/``, and the proof that a page is in one of them.

A proof tells nothing that has to be believed: with the page it leads to the digest of the day, which the reader
knows.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote

import msgspec
from packaging.utils import canonicalize_name
from starlette.requests import Request
from starlette.responses import Response

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.errors import InputError
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.page_desk import PageDesk
from cachi2ish.mirror.path_dates import DateKind
from cachi2ish.mirror.records import FrozenDay, Registry
from cachi2ish.mirror.server.places import Places, is_name
from cachi2ish.mirror.server.replies import Refused
from cachi2ish.mirror.upstream import Login
from cachi2ish.simple_api.refusal_reasons import RefusalReason

_JSON = "application/json"

#: Digests of a day that are named where it has another one.
_SHOWN = 3

_FOR_EVER = {"cache-control": "max-age=31536000, immutable"}


class ProofDoors:
    """Answers requests for proofs. For the event loop. executor: reads the history."""

    def __init__(self, *, history: Sightings, places: Places, desk: PageDesk, executor: Executor) -> None:
        self._history = history
        self._places = places
        self._desk = desk
        self._executor = executor

    async def days(self, request: Request) -> Response:
        """Answer ``/<date>/frozen/``: the digests of that day."""
        registry, cutoff = self._place(request)
        if registry.private:
            return Refused(HTTPStatus.FORBIDDEN, f"{registry.name} is private: its days are not listed")
        days = await self._days(registry, cutoff)
        content = {"frozen": [{"digest": day.digest, "projects": day.projects} for day in days]}
        return Response(msgspec.json.encode(content), media_type=_JSON)

    async def proof(self, request: Request) -> Response:
        """Answer ``/<date>/frozen/<digest>/<project>/``."""
        registry, cutoff = self._place(request)
        written, digest = request.path_params["project"], unquote(request.path_params["digest"])
        if not is_name(written):
            return Refused(HTTPStatus.NOT_FOUND, f"{written!r} is no name of a project")
        project = canonicalize_name(written)
        login = Login.of(request.headers.get("authorization")) if registry.private else None
        if not await self._desk.admitted(registry, project, login):
            return Refused(HTTPStatus.FORBIDDEN, f"{registry.name} has no {project} for this user")
        loop = asyncio.get_running_loop()
        proof = await loop.run_in_executor(
            self._executor, self._history.prove, registry.name, cutoff, project, digest
        )
        if proof is None:
            return _unproved(project, digest, await self._days(registry, cutoff), request.path_params["date"])
        headers = {"cache-control": "private, no-cache"} if registry.private else _FOR_EVER
        return Response(msgspec.json.encode(proof), headers=headers, media_type=_JSON)

    def _place(self, request: Request) -> tuple[Registry, Cutoff]:
        registry, date = self._places.of(request)
        if date.kind is not DateKind.FIXED or date.cutoff is None:
            raise InputError("only a day or an instant can be frozen, such as 2024-10-01")
        return registry, date.cutoff

    async def _days(self, registry: Registry, cutoff: Cutoff) -> tuple[FrozenDay, ...]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, partial(self._history.frozen_days, registry.name, cutoff)
        )


def _unproved(project: str, digest: str, days: tuple[FrozenDay, ...], date: str) -> Refused:
    if any(digest.removeprefix("sha256:") == day.digest.removeprefix("sha256:") for day in days):
        return Refused(
            HTTPStatus.NOT_FOUND,
            f"{project} is not among the projects of {date} that were frozen with this digest",
            reason=RefusalReason.NOT_IN_DAY,
        )
    if days:
        text = f"{date} is frozen here as {' and '.join(day.digest for day in days[:_SHOWN])}"
        return Refused(HTTPStatus.NOT_FOUND, text, reason=RefusalReason.OTHER_DIGEST)
    text = f"{date} is not frozen here; cachi2ish mirror freeze {date} does that, and prints its digest"
    return Refused(HTTPStatus.NOT_FOUND, text, reason=RefusalReason.NOT_FROZEN)
