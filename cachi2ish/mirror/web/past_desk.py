"""Finds the past of projects for the pages: from the history, and from the upstream where that is too old.

Who may not see a project of a private registry is refused by the same rule as at the other doors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from enum import Enum
from functools import partial

from packaging.utils import NormalizedName

from cachi2ish.errors import AccessError, Cachi2ishError
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.looking import Lookout
from cachi2ish.mirror.page_desk import REFRESHED_AFTER, PageDesk
from cachi2ish.mirror.pasts import ProjectPast, spelling
from cachi2ish.mirror.records import SECOND, Instant, Registry
from cachi2ish.mirror.upstream import Login


class Looking(Enum):
    """Of which projects a registry may be asked. WHERE_KNOWN: of those at which somebody has looked before."""

    ALWAYS = "always"
    WHERE_KNOWN = "where_known"
    NEVER = "never"


class PastDesk:
    """Answers what people ask of projects. For the event loop. executor: reads the history. now: the time."""

    def __init__(
        self,
        *,
        history: Sightings,
        desk: PageDesk,
        lookout: Lookout,
        executor: Executor,
        now: Callable[[], Instant],
    ) -> None:
        self._history = history
        self._desk = desk
        self._lookout = lookout
        self._executor = executor
        self._now = now

    async def check(self) -> None:
        """Raise `StorageError` where the history does not answer."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._history.registries)

    async def project(
        self,
        registry: Registry,
        project: NormalizedName,
        instants: Sequence[Instant | None],
        *,
        login: Login | None = None,
        versions: Collection[str] = (),
        look: Looking = Looking.ALWAYS,
        at_once: bool = False,
    ) -> tuple[ProjectPast, bool]:
        """Return what is known of a project, and whether its registry should have answered and did not.

        instants: of what is shown; None for now. versions, at_once: see `Pasts.project`. look: of what the
        registry may be asked; a private one is asked, with the login, wherever it is not known whether that is let
        in. Raises `LoginNeededError` and `AccessError` where a login has no right to see it, and what a look
        raises where nothing is known.
        """
        if not await self._desk.admitted(registry, project, login):
            raise AccessError(f"{registry.name} has no {project} for this user")
        loop = asyncio.get_running_loop()
        read = partial(self._history.pasts.project, registry.name, project, versions=versions, at_once=at_once)
        past = await loop.run_in_executor(self._executor, read)
        if look is Looking.NEVER or (look is Looking.WHERE_KNOWN and past.looked_at is None):
            return past, False
        if not self._must_look(past, instants):
            return past, False
        try:
            await self._lookout.look(registry.name, project, login=login, looked_at=past.looked_at)
        except AccessError:
            raise
        except Cachi2ishError:
            if past.looked_at is None:
                raise
            return past, True
        return await loop.run_in_executor(self._executor, read), False

    async def completed(self, past: ProjectPast, versions: Collection[str] = ()) -> ProjectPast:
        """Return a project with all that reading it at once has left out."""
        if past.complete:
            return past
        read = partial(self._history.pasts.project, past.registry, past.name, versions=versions)
        return await asyncio.get_running_loop().run_in_executor(self._executor, read)

    async def spelling(self, past: ProjectPast, version: str) -> str | None:
        """Return a version as the index spells it; None where it never had it."""
        if past.complete or past.tallies:
            return spelling(past.tallies, version)
        has, loop = self._history.pasts.has_version, asyncio.get_running_loop()
        if await loop.run_in_executor(self._executor, has, past.registry, past.name, version):
            return version
        return spelling((await self.completed(past)).tallies, version)

    async def without_look(
        self,
        registry: Registry,
        wanted: Mapping[NormalizedName, Collection[str]],
        instants: Sequence[Instant | None],
    ) -> dict[NormalizedName, ProjectPast]:
        """Return those of many projects that everybody may see, and that are answered by what is known already.

        wanted: the versions of each. A project at which nobody has looked is among them.
        """
        if registry.private:
            return {}
        read = partial(self._history.pasts.projects, registry.name, wanted)
        found = await asyncio.get_running_loop().run_in_executor(self._executor, read)
        return {
            name: past
            for name, past in found.items()
            if past.looked_at is None or not self._must_look(past, instants)
        }

    def _must_look(self, past: ProjectPast, instants: Sequence[Instant | None]) -> bool:
        if past.generations and all(past.is_closed(one) for one in instants or (None,)):
            return False
        return past.looked_at is None or self._now() - past.looked_at > REFRESHED_AFTER * SECOND
