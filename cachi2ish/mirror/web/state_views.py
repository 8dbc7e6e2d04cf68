"""The first page and the state of sync and store, from what the history knows of itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from cachi2ish import __version__
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.mirror.records import SECOND, Instant, Registry, Status
from cachi2ish.mirror.web.copy_lines import copy_lines
from cachi2ish.mirror.web.query import Place
from cachi2ish.mirror.web.version_rows import seconds_text
from cachi2ish.mirror.web.views import (
    AlarmRow,
    CoverageView,
    FrozenDigest,
    Health,
    HomeView,
    RegistryRow,
    StateView,
)

#: How long figures are shown again, and how long those are that take a while to count: these are counted again
#: beside that.
_KEPT: Instant = 10 * SECOND
_KEPT_LONGER: Instant = 600 * SECOND

#: What takes longer than this to count makes nobody wait a second time.
_A_WHILE: Instant = SECOND // 20

#: Alarms that a page has.
_ALARMS = 25

#: Figures that are kept, above all the coverage of dates.
_MOST_FIGURES = 200

_Figures = TypeVar("_Figures", CoverageView, Status)


class Counter:
    """Keeps what was counted for some time. Safe to use from many threads.

    In a mirror of all of PyPI that takes seconds: who asks gets what was counted last, and it is counted again
    meanwhile. executor: counts. now: the time.
    """

    def __init__(self, executor: Executor, now: Callable[[], Instant]) -> None:
        self._executor = executor
        self._now = now
        self._lock = Lock()
        self._counting: set[object] = set()
        #: When each was counted, how long that took, and what came of it.
        self._kept: dict[object, tuple[Instant, Instant, Any]] = {}

    def figures(self, key: object, count: Callable[[], _Figures]) -> tuple[Instant, _Figures]:
        """Return when figures were counted, and these. key: what they are of. count: counts them anew."""
        kept = self._recent(key)
        if kept is not None:
            at, _, found = kept
            if self._now() - at >= _KEPT and key not in self._counting:
                self._counting.add(key)
                self._executor.submit(self._count, key, count)
            return at, found
        with self._lock:
            at, _, found = self._recent(key) or self._count(key, count)
            return at, found

    def _recent(self, key: object) -> tuple[Instant, Instant, Any] | None:
        """Return what was counted and may be shown."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        at, took, _ = kept
        return kept if self._now() - at < (_KEPT_LONGER if took > _A_WHILE else _KEPT) else None

    def _count(self, key: object, count: Callable[[], _Figures]) -> tuple[Instant, Instant, Any]:
        try:
            begun = self._now()
            counted = count()
            if len(self._kept) >= _MOST_FIGURES:
                self._kept.clear()
            self._kept[key] = found = begun, self._now() - begun, counted
            return found
        finally:
            self._counting.discard(key)


class StateDesk:
    """Has the figures of the pages. Safe to use from many threads.

    directory: of the mirror. files_place: see `Rooms`. downloads: how many are under way. following: whether this
    process looks at what is due. executor: counts what takes long. now: the time.
    """

    def __init__(
        self,
        *,
        history: Sightings,
        registries: Mapping[str, Registry],
        directory: Path,
        files_place: str,
        downloads: Callable[[], int],
        following: Callable[[], bool],
        executor: Executor,
        now: Callable[[], Instant],
    ) -> None:
        self._history = history
        self._registries = registries
        public = [name for name, one in registries.items() if not one.private]
        self._counts = None if len(public) == len(registries) else public
        self._directory = directory
        self._files_place = files_place
        self._downloads = downloads
        self._following = following
        self._now = now
        self._started_at = now()
        self._counter = Counter(executor, now)

    def week_ago(self) -> str:
        """Return the day that the first page begins with: it is closed, and new enough to be of use."""
        return (datetime.fromtimestamp(self._now() // SECOND, UTC) - timedelta(days=7)).date().isoformat()

    def coverage(self, place: Place) -> CoverageView | None:
        """Return how much is known of a day; None for an instant within one, and for a private registry.

        It reads all projects: days are counted, of which there are few.
        """
        if place.registry.private or "T" in place.date:
            return None
        key = (place.registry.name, place.date)
        return self._counter.figures(key, partial(self._coverage, place))[1]

    def _coverage(self, place: Place) -> CoverageView:
        day = self._history.pasts.coverage(place.registry.name, place.cutoff, self._now())
        frozen = () if place.cutoff is None else self._history.frozen_days(place.registry.name, place.cutoff)
        return CoverageView(
            there=day.there,
            observed=day.observed,
            computed=day.there - day.observed,
            closed=0 if place.cutoff is None else day.closed,
            frozen=tuple(FrozenDigest(one.digest, one.projects) for one in frozen),
        )

    def home(self, place: Place, index: str, coverage: CoverageView | None) -> HomeView:
        """Return the first page. index: the address for installers."""
        _, status = self._counted()
        return HomeView(
            version=__version__,
            registry=place.registry.name,
            date=place.date,
            instant=None if place.cutoff is None else str(place.cutoff),
            index=index,
            registries=self._rows(status),
            lines=copy_lines(index, "-r", "requirements.txt"),
            coverage=coverage,
            health=Health(
                alive=True,
                due=status.due,
                overdue=seconds_text(status.overdue),
                alarms=status.all_alarms,
            ),
        )

    def rows(self) -> tuple[RegistryRow, ...]:
        """Return the registries."""
        return self._rows(self._counted()[1])

    def state(self) -> StateView:
        """Return the state of sync and store."""
        counted_at, status = self._counted()
        return StateView(
            version=__version__,
            started_at=seconds_text(self._started_at) or "",
            counted_at=seconds_text(counted_at) or "",
            registries=self._rows(status),
            following=self._following(),
            due=status.due,
            overdue=seconds_text(status.overdue),
            files=status.files,
            looks=status.looks,
            to_rescue=status.to_rescue,
            lost=status.lost,
            downloads=self._downloads(),
            database=self._history.database,
            files_place=self._files_place,
            history_bytes=status.size,
            free_bytes=shutil.disk_usage(self._directory).free,
            alarms=tuple(
                AlarmRow(seconds_text(one.at) or "", one.registry, one.project, one.kind.value, one.text)
                for one in status.alarms[:_ALARMS]
            ),
        )

    def _rows(self, status: Status) -> tuple[RegistryRow, ...]:
        return tuple(
            RegistryRow(name, private=True)
            if one.private
            else RegistryRow(
                name, private=False, projects=status.projects.get(name, 0), followed=status.followed.get(name, 0)
            )
            for name, one in self._registries.items()
        )

    def _counted(self) -> tuple[Instant, Status]:
        return self._counter.figures("status", lambda: self._history.status(self._now(), self._counts))
