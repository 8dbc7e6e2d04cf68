"""Which page a request is answered with: from the history, and from the upstream where that is not enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from msgspec.structs import replace as replaced
from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff, rfc3339
from cachi2ish.errors import AccessError, Cachi2ishError
from cachi2ish.mirror.accepted import Acceptances
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.looking import Lookout
from cachi2ish.mirror.path_dates import DateKind, PathDate
from cachi2ish.mirror.records import SECOND, DatedPage, Instant, Refusal, Registry
from cachi2ish.mirror.upstream import Login
from cachi2ish.simple_api.refusal_reasons import RefusalReason

#: Seconds for which a page that may still change is served without asking again.
REFRESHED_AFTER = 300


class LoginNeededError(AccessError):
    """A private registry is asked for without a user name and a password."""


Made = TypeVar("Made")

#: Makes what a client is sent of a page that is not stale.
Make = Callable[[DatedPage], Made]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Made]):
    """What there is to answer with. stale: the upstream does not answer, and this is what is known.

    made: what was made of the page beside the reading of it, in the same thread; None where nothing was.
    """

    content: DatedPage | Refusal
    stale: bool = False
    made: Made | None = None


class PageDesk:
    """Finds the page of a project as of a date. For the event loop.

    observed_only: give out what was looked at in its time only. executor: reads the history. now: the time.
    """

    def __init__(
        self,
        *,
        history: Sightings,
        lookout: Lookout,
        acceptances: Acceptances,
        observed_only: bool,
        executor: Executor,
        now: Callable[[], Instant],
    ) -> None:
        self._history = history
        self._lookout = lookout
        self._acceptances = acceptances
        self._observed_only = observed_only
        self._executor = executor
        self._now = now

    async def answer(
        self,
        registry: Registry,
        project: NormalizedName,
        date: PathDate,
        login: Login | None = None,
        make: Make[Made] | None = None,
    ) -> Answer[Made]:
        """Return the page of ``project`` as of ``date``.

        login: the client's, for a private registry. make: is called in a thread. Raises `LoginNeededError` and
        `AccessError` where it has no right to see it, `NetworkError` or `UnavailableError` where nothing is known
        and the registry is no help.
        """
        if registry.private and login is None:
            raise _login_needed(registry)
        trusted = not registry.private or self._acceptances.holds(registry.name, project, login)
        known, enough, made = await self._read(registry, project, date, make, looked=False)
        if trusted and enough:
            return Answer(content=known, made=made)
        try:
            await self._lookout.look(registry.name, project, login=login, looked_at=known.looked_at)
        except AccessError:
            raise
        except Cachi2ishError:
            if not trusted or (isinstance(known, Refusal) and known.reason is RefusalReason.UNKNOWN):
                raise
            return Answer(content=known, stale=True)
        if registry.private and not self._acceptances.holds(registry.name, project, login):
            raise AccessError(f"{registry.name} has no {project} for this user")
        content, _, made = await self._read(registry, project, date, make, looked=True)
        return Answer(content=content, made=made)

    async def admitted(self, registry: Registry, project: NormalizedName, login: Login | None) -> bool:
        """Return whether a client may have the files of a project. Raises as `answer` does."""
        if not registry.private:
            return True
        if login is None:
            raise _login_needed(registry)
        if not self._acceptances.holds(registry.name, project, login):
            await self._lookout.look(registry.name, project, login=login)
        return self._acceptances.holds(registry.name, project, login)

    def _must_look(self, known: DatedPage | Refusal, date: PathDate) -> bool:
        if isinstance(known, DatedPage) and known.closed:
            return False
        if known.looked_at is None or date.kind is DateKind.LIVE:
            return True
        return self._now() - known.looked_at > REFRESHED_AFTER * SECOND

    async def _read(
        self,
        registry: Registry,
        project: NormalizedName,
        date: PathDate,
        make: Make[Made] | None,
        *,
        looked: bool,
    ) -> tuple[DatedPage | Refusal, bool, Made | None]:
        """Return what is known, whether it may be served without a look, and what is made of it then.

        looked: it may be served as it is.
        """
        cutoff = date.of(project)
        read = self._cooled if date.kind is DateKind.COOL_DOWN and cutoff is not None else self._page

        def in_thread() -> tuple[DatedPage | Refusal, bool, Made | None]:
            known = read(registry, project, cutoff)
            enough = looked or not self._must_look(known, date)
            made = make(known) if make and enough and isinstance(known, DatedPage) else None
            return known, enough, made

        return await asyncio.get_running_loop().run_in_executor(self._executor, in_thread)

    def _page(self, registry: Registry, project: NormalizedName, cutoff: Cutoff | None) -> DatedPage | Refusal:
        observed_only = self._observed_only and cutoff is not None
        return self._history.page(registry.name, project, cutoff, observed_only=observed_only)

    def _cooled(self, registry: Registry, project: NormalizedName, cutoff: Cutoff | None) -> DatedPage | Refusal:
        """Return the newest page, without the files that were not there before ``cutoff``."""
        newest = self._history.page(registry.name, project, None)
        if isinstance(newest, Refusal) or cutoff is None:
            return newest
        then = self._history.page(registry.name, project, cutoff)
        if isinstance(then, Refusal):
            text = f"no file of {project} is old enough: none was there before {rfc3339(cutoff.instant)}"
            reason = then.reason if then.reason is not RefusalReason.UNKNOWN else RefusalReason.NOT_YET
            return Refusal(reason=reason, text=text, looked_at=newest.looked_at)
        old = frozenset(then.keys)
        kept = [place for place, key in enumerate(newest.keys) if key in old]
        page = replaced(
            newest.page, files=tuple(newest.page.files[place] for place in kept), versions=then.page.versions
        )
        return replace(newest, page=page, keys=tuple(newest.keys[place] for place in kept), closed=False)


def _login_needed(registry: Registry) -> LoginNeededError:
    return LoginNeededError(
        f"{registry.name} is private: give the user name and password, or the token, that you have there"
    )
