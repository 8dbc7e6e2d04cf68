"""Looks at upstreams: one request for all who want to know the same at one time, and what it shows is kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from functools import partial

from packaging.utils import NormalizedName

from cachi2ish.core.pages import Page
from cachi2ish.errors import AccessError, Cachi2ishError, NetworkError
from cachi2ish.mirror.accepted import Acceptances
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.records import Changes, Gone, Instant, Look, Registry, Unchanged
from cachi2ish.mirror.upstream import Login, Upstream

#: Looks that may be under way or waiting at once.
_MOST_LOOKS = 1000

#: Seconds during which a registry that could not be reached is left alone.
_LEFT_ALONE = 5.0

#: Seconds that a client waits for a look at the most: pip gives up after fifteen, and tells nobody why.
PATIENCE = 12.0

#: Projects whose ETag is remembered.
_MOST_TAGS = 100_000


class BusyError(NetworkError):
    """So many requests wait for upstreams that no more are taken on, or one takes longer than a client waits."""


class Lookout:
    """Looks at projects, and writes down what it sees. For the event loop.

    hidden_from: registries that may answer a stranger as if they had no such project. executor: waits for
    upstreams. clock: seconds that only go forward. on_look: is told how each look ended, in a word. on_vanished:
    is called where files have vanished, whose bytes may still be there.
    """

    def __init__(
        self,
        *,
        history: Sightings,
        upstream: Upstream,
        registries: Mapping[str, Registry],
        acceptances: Acceptances,
        hidden_from: Collection[str] = (),
        executor: Executor,
        clock: Callable[[], float],
        on_look: Callable[[str, str], None],
        on_vanished: Callable[[], None],
    ) -> None:
        self._history = history
        self._upstream = upstream
        self._registries = registries
        self._acceptances = acceptances
        self._hidden_from = frozenset(hidden_from)
        self._executor = executor
        self._clock = clock
        self._on_look = on_look
        self._on_vanished = on_vanished
        self._under_way: dict[tuple[str, NormalizedName, bytes], asyncio.Task[None]] = {}
        self._tags: OrderedDict[tuple[str, NormalizedName], tuple[Instant, str]] = OrderedDict()
        self._failures: dict[str, tuple[float, Cachi2ishError]] = {}

    def is_lost(self, registry: str) -> bool:
        """Return whether a registry could not be reached a moment ago."""
        return self._clock() < self._failures.get(registry, (0.0, None))[0]

    async def look(
        self,
        registry: str,
        project: NormalizedName,
        *,
        login: Login | None = None,
        looked_at: Instant | None = None,
        etag: str | None = None,
        patient: bool = False,
    ) -> None:
        """Return when the history has what a registry says of a project now.

        looked_at: when the newest look was made that the history knows of, etag: what the page had then, if that
        is known; a page that has not changed since is not sent again. patient: wait as long as it takes.
        Raises `BusyError` where it takes longer than a client waits; the look goes on. Raises `AccessError` for a
        login that is not let in, `NetworkError` where the registry does not answer, and `UnavailableError` where
        its answer cannot be read.
        """
        failed_until, failure = self._failures.get(registry, (0.0, None))
        if failure is not None and self._clock() < failed_until:
            raise failure.at(None)
        key = registry, project, self._acceptances.name(registry, project, login)
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= _MOST_LOOKS:
                raise BusyError("too many requests wait for the upstream")
            task = asyncio.create_task(self._look(registry, project, login, looked_at, etag))
            self._under_way[key] = task
            task.add_done_callback(partial(self._ended, key))
        # Who goes away does not end it for the others.
        done, _ = await asyncio.wait([task], timeout=None if patient else PATIENCE)
        if not done:
            raise BusyError(
                f"{registry} has not answered for {PATIENCE:.0f} seconds, and is waited for: try again"
            )
        task.result()

    def _ended(self, key: tuple[str, NormalizedName, bytes], task: asyncio.Task[None]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # asyncio would complain of one that nobody waits for any more

    async def _look(
        self,
        registry: str,
        project: NormalizedName,
        login: Login | None,
        looked_at: Instant | None,
        etag: str | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        seen_at, tag = self._tags.get((registry, project), (None, None))
        if etag is None and seen_at is not None and seen_at == looked_at:
            etag = tag
        try:
            answer, look, changes = await loop.run_in_executor(
                self._executor, self._ask, registry, project, etag, login
            )
        except AccessError:
            self._acceptances.forget(registry, project, login)
            self._on_look(registry, "refused")
            raise
        except NetworkError as error:
            self._failures[registry] = self._clock() + _LEFT_ALONE, error
            self._on_look(registry, "failed")
            raise
        except Cachi2ishError:
            self._on_look(registry, "unreadable")
            raise
        self._failures.pop(registry, None)
        self._note(registry, project, look)
        if not isinstance(answer, Gone):
            self._acceptances.note(registry, project, login)
        self._on_look(registry, type(answer).__name__.lower())
        if changes is not None and changes.vanished:
            self._on_vanished()

    def _ask(
        self, registry: str, project: NormalizedName, etag: str | None, login: Login | None
    ) -> tuple[Page | Gone | Unchanged, Look, Changes | None]:
        answer, look = self._upstream.ask(registry, project, etag=etag, login=login)
        if isinstance(answer, Gone) and registry in self._hidden_from:
            raise AccessError(f"{registry} does not show {project} without a login, or has it no more")
        if isinstance(answer, Gone) and self._registries[registry].private and login is not None:
            # Many registries answer so to a stranger: it says nothing of the project.
            return answer, look, None
        return answer, look, self._history.observe(registry, project, answer, look)

    def _note(self, registry: str, project: NormalizedName, look: Look) -> None:
        key = registry, project
        if look.etag is None:
            self._tags.pop(key, None)
            return
        self._tags[key] = look.seen_at, look.etag
        self._tags.move_to_end(key)
        while len(self._tags) > _MOST_TAGS:
            self._tags.popitem(last=False)
