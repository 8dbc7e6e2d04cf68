"""The first page and the state of sync and store, from what the history knows of itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

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

#: How long figures are shown again: to count millions of files takes a while.
_KEPT: Instant = 10 * SECOND

#: Alarms that a page has.
_ALARMS = 25

#: Dates whose coverage is kept.
_MOST_DATES = 200


class StateDesk:
    """Counts for the pages, and keeps what was counted for some seconds. Safe to use from many threads.

    directory: of the mirror. downloads: how many are under way. following: whether this process looks at what is
    due. now: the time.
    """

    def __init__(
        self,
        *,
        history: Sightings,
        registries: Mapping[str, Registry],
        directory: Path,
        downloads: Callable[[], int],
        following: Callable[[], bool],
        now: Callable[[], Instant],
    ) -> None:
        self._history = history
        self._registries = registries
        public = [name for name, one in registries.items() if not one.private]
        self._counts = None if len(public) == len(registries) else public
        self._directory = directory
        self._downloads = downloads
        self._following = following
        self._now = now
        self._started_at = now()
        self._lock = Lock()
        self._status: tuple[Instant, Status] | None = None
        self._coverages: dict[tuple[str, str], tuple[Instant, CoverageView]] = {}

    def week_ago(self) -> str:
        """Return the day that the first page begins with: it is closed, and new enough to be of use."""
        return (datetime.fromtimestamp(self._now() // SECOND, UTC) - timedelta(days=7)).date().isoformat()

    def coverage(self, place: Place) -> CoverageView | None:
        """Return how much is known of a day; None for an instant within one, and for a private registry.

        It reads all projects: days are counted, of which there are few.
        """
        if place.registry.private or "T" in place.date:
            return None
        key, now = (place.registry.name, place.date), self._now()
        kept = self._coverages.get(key)
        if kept is not None and now - kept[0] < _KEPT:
            return kept[1]
        day = self._history.pasts.coverage(place.registry.name, place.cutoff, now)
        frozen = () if place.cutoff is None else self._history.frozen_days(place.registry.name, place.cutoff)
        found = CoverageView(
            there=day.there,
            observed=day.observed,
            computed=day.there - day.observed,
            closed=0 if place.cutoff is None else day.closed,
            frozen=tuple(FrozenDigest(one.digest, one.projects) for one in frozen),
        )
        if len(self._coverages) >= _MOST_DATES:
            self._coverages.clear()
        self._coverages[key] = now, found
        return found

    def home(self, place: Place, index: str, coverage: CoverageView | None) -> HomeView:
        """Return the first page. index: the address for installers."""
        status = self._counted()
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
        return self._rows(self._counted())

    def state(self) -> StateView:
        """Return the state of sync and store."""
        status = self._counted()
        return StateView(
            version=__version__,
            started_at=seconds_text(self._started_at) or "",
            registries=self._rows(status),
            following=self._following(),
            due=status.due,
            overdue=seconds_text(status.overdue),
            files=status.files,
            looks=status.looks,
            to_rescue=status.to_rescue,
            lost=status.lost,
            downloads=self._downloads(),
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

    def _counted(self) -> Status:
        """Return the figures; one thread counts, and the others take what was counted before."""
        kept, now = self._status, self._now()
        if kept is not None and now - kept[0] < _KEPT:
            return kept[1]
        if not self._lock.acquire(blocking=kept is None) and kept is not None:
            return kept[1]
        try:
            found = self._status
            if found is None or found is kept:
                found = self._status = now, self._history.status(now, self._counts)
            return found[1]
        finally:
            self._lock.release()
