"""The history in a database: implements `cachi2ish.mirror.history.interface.History`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Self, TypeVar

from packaging.utils import NormalizedName
from sqlalchemy import insert, select, update

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import Page
from cachi2ish.errors import InputError
from cachi2ish.mirror.history.contents import content_of, metadata_of, wheels_of, write_content, write_metadata
from cachi2ish.mirror.history.copying import copy_history, require_empty
from cachi2ish.mirror.history.dated_pages import all_projects, dated_page
from cachi2ish.mirror.history.differences import differences
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.freezing import Trees, contradictions, freeze, frozen_days, prove
from cachi2ish.mirror.history.interface import Pasts, Seal
from cachi2ish.mirror.history.known_files import files_named, key_bytes, keys_without_sha256
from cachi2ish.mirror.history.moving import export, import_
from cachi2ish.mirror.history.observing import Observer, Sighting
from cachi2ish.mirror.history.overview.counting import how_much
from cachi2ish.mirror.history.overview.past_reading import SqlPasts
from cachi2ish.mirror.history.projects_seen import (
    all_registries,
    find_project,
    find_registry,
    follow,
    last_look,
)
from cachi2ish.mirror.history.rescuing import historic_files, holdings, wanted_files, write_rescued
from cachi2ish.mirror.history.tables import project, registry
from cachi2ish.mirror.records import (
    Changes,
    DatedPage,
    Due,
    FileChange,
    FrozenDay,
    Gone,
    HistoricFile,
    Holding,
    Instant,
    Look,
    Proof,
    Refusal,
    Registry,
    Status,
    Unchanged,
)
from cachi2ish.simple_api.refusal_reasons import RefusalReason

_Found = TypeVar("_Found")


class SqlHistory:
    """A database with a history. To be closed; it is its own context manager."""

    def __init__(self, place: HistoryPlace, *, read_only: bool = False, make: bool = True) -> None:
        """Open the history in the database at ``place``, or begin one; see `Database`."""
        self._database = Database(place, read_only=read_only, make=make)
        self._observer, self._trees = Observer(self._database), Trees()
        self.pasts: Pasts = SqlPasts(self._database)
        self.database = self._database.kind.product

    def configure(self, registry: Registry) -> None:
        """Enter a registry, or the rules that hold for it from now on; see the interface."""
        values = {
            "url": registry.url,
            "untimed": registry.untimed.value,
            "private": registry.private,
            "settling": registry.settling,
            "interval": registry.interval,
        }
        with self._database.reading() as connection:
            if registry in (one.rules for one in all_registries(connection)):
                return
        with self._database.writing() as connection:
            known = {one.rules.name: one.id for one in all_registries(connection)}
            if registry.name in known:
                connection.execute(update(_REGISTRY).where(_REGISTRY.c.id == known[registry.name]).values(values))
            else:
                connection.execute(insert(_REGISTRY), {"name": registry.name, **values})

    def registries(self) -> tuple[Registry, ...]:
        """Return all, by name."""
        return tuple(one.rules for one in self._read(all_registries))

    def observe(
        self, registry: str, project: NormalizedName, answer: Page | Gone | Unchanged, look: Look
    ) -> Changes:
        """Write down what the upstream said; see the interface."""
        return self._observer.observe(registry, project, answer, look)

    def observe_many(self, registry: str, sightings: Iterable[Sighting]) -> list[Changes]:
        """Write down what one has seen of several projects, as if as many threads did so at once."""
        return self._observer.observe_many(registry, sightings)

    def page(
        self, registry: str, project: NormalizedName, cutoff: Cutoff | None, *, observed_only: bool = False
    ) -> DatedPage | Refusal:
        """Return the page as of ``cutoff``; see the interface."""
        with self._database.reading() as connection:
            known = find_registry(connection, registry)
            return dated_page(connection, known, project, cutoff, observed_only=observed_only)

    def projects(self, registry: str, cutoff: Cutoff | None) -> tuple[NormalizedName, ...]:
        """Return the projects that have a page as of ``cutoff``, by name."""
        with self._database.reading(in_parts=True) as connection:
            known = find_registry(connection, registry)
            return tuple(all_projects(connection, known, cutoff))

    def file(self, key: str) -> tuple[HistoricFile, ...]:
        """Return all files with this key."""
        value = key_bytes(key)
        if value is None:
            return ()
        with self._database.reading() as connection:
            return tuple(historic_files(connection, files_named(connection, [value])))

    def track(self, registry: str, projects: Collection[NormalizedName], now: Instant) -> int:
        """Follow these; see the interface."""
        with self._database.writing() as connection:
            return follow(connection, find_registry(connection, registry).id, projects, now)

    def due(self, registry: str, now: Instant, limit: int) -> tuple[Due, ...]:
        """Return projects that are to be looked at, those first that have waited longest."""
        with self._database.reading() as connection:
            known = find_registry(connection, registry)
            chosen = select(_PROJECT.c.id, _PROJECT.c.name).where(
                _PROJECT.c.registry_id == known.id, _PROJECT.c.due_at <= now
            )
            rows = connection.execute(chosen.order_by(_PROJECT.c.due_at, _PROJECT.c.id).limit(limit)).all()
            looks = ((row.name, last_look(connection, row.id)) for row in rows)
            return tuple(
                Due(
                    registry=registry,
                    project=NormalizedName(name),
                    etag=None if look is None or look.missing else look.etag,
                    serial=None if look is None else look.serial,
                    looked_at=None if look is None else look.last_at,
                )
                for name, look in looks
            )

    def postpone(self, registry: str, project: NormalizedName, until: Instant) -> None:
        """Let a project that is followed be due again then."""
        with self._database.writing() as connection:
            found = find_project(connection, find_registry(connection, registry).id, project)
            if found is not None and found.due_at is not None:
                connection.execute(update(_PROJECT).where(_PROJECT.c.id == found.id).values(due_at=until))

    def files_to_rescue(self, limit: int) -> tuple[HistoricFile, ...]:
        """Return files that have vanished, and of whose bytes nobody has said what became of them."""
        return tuple(self._read(wanted_files, limit))

    def rescued(self, file: HistoricFile, *, held: bool, now: Instant) -> None:  # noqa: ARG002  (the interface's)
        """Write down that the mirror has the bytes of a vanished file, or that they cannot be had any more."""
        with self._database.writing() as connection:
            write_rescued(connection, file, held=held)

    def claim_following(self) -> bool:
        """Return whether this process is the one that follows projects; see the interface."""
        return self._database.claim()

    def content_of(self, key: str) -> str | None:
        """Return the sha256 of a file of which none is stated, None where nobody was served it yet."""
        return self._read(content_of, key)

    def keep_content(self, key: str, sha256: str) -> str:
        """Write down what a file is of which no sha256 is stated; return what holds."""
        with self._database.writing() as connection:
            return write_content(connection, key, sha256)

    def metadata_of(self, wheels: Collection[str]) -> dict[str, str]:
        """Return the sha256 of the metadata in wheels, by their own, as far as it is known."""
        return self._read(metadata_of, wheels)

    def wheels_of(self, metadata: Collection[str]) -> dict[str, list[str]]:
        """Return the wheels that have this metadata, by its sha256 and by their own; see the interface."""
        return self._read(wheels_of, metadata)

    def keep_metadata(self, found: Mapping[str, str]) -> None:
        """Write down the sha256 of the metadata in wheels, by their own."""
        with self._database.writing() as connection:
            write_metadata(connection, found)

    def try_claim_file(self, key: str) -> bool:
        """Return whether this process is the one that downloads a file; see the interface."""
        return self._database.try_claim_file(key)

    def leave_file(self, key: str) -> bool:
        """Let go of a claim; see the interface."""
        return self._database.leave_file(key)

    def record_files_place(self, place: str, *, replace: bool) -> str | None:
        """Write down where all machines have their files; see `Database.record_files_place`."""
        return self._database.record_files_place(place, replace=replace)

    def status(self, now: Instant, registries: Collection[str] | None = None) -> Status:
        """Return how much is known; see the interface."""
        return self._read(how_much, now, self._database.size(), registries)

    def freeze(self, registry: str, cutoff: Cutoff, now: Instant) -> FrozenDay:
        """Return the digest over all pages as of ``cutoff``; see the interface."""
        return freeze(self._database, registry, cutoff, now)

    def prove(self, registry: str, cutoff: Cutoff, project: NormalizedName, digest: str) -> Proof | None:
        """Return the proof that a page is in the frozen day with this digest; None where it is not."""
        with self._database.reading() as connection:
            return prove(connection, find_registry(connection, registry), cutoff, project, digest, self._trees)

    def frozen_days(self, registry: str, cutoff: Cutoff) -> tuple[FrozenDay, ...]:
        """Return what was frozen as of ``cutoff``, the newest first."""
        with self._database.reading() as connection:
            return frozen_days(connection, find_registry(connection, registry), cutoff)

    def diff(
        self, registry: str, project: NormalizedName, before: Cutoff, after: Cutoff
    ) -> tuple[FileChange, ...]:
        """Return how two dates differ, by file name."""
        with self._database.reading() as connection:
            known = find_registry(connection, registry)
            dates = (before, after)
            then, now = (dated_page(connection, known, project, one, observed_only=False) for one in dates)
        if isinstance(now, Refusal) and now.reason in {RefusalReason.UNKNOWN, RefusalReason.ABSENT}:
            raise InputError(
                f"nothing is known of {project} of {registry}",
                hint="check the spelling; mirror track follows a project, and mirror sync looks at it",
            )
        return differences(then, now)

    def verify(self) -> tuple[str, ...]:
        """Return all that contradicts itself, as sentences."""
        return (*self._database.damage(), *self._read(contradictions, in_parts=True))

    def forget(self, registry: str, projects: Collection[NormalizedName]) -> frozenset[str]:
        """Follow these projects no more; what is known of them stays."""
        with self._database.writing() as connection:
            known = find_registry(connection, registry)
            followed = update(_PROJECT).where(
                _PROJECT.c.registry_id == known.id,
                _PROJECT.c.name.in_(projects),
                _PROJECT.c.due_at.is_not(None),
            )
            ended = followed.values(due_at=None).returning(_PROJECT.c.name)
            return frozenset(connection.execute(ended).scalars())

    def holdings(self, keys: Collection[str], since: Instant) -> dict[str, Holding]:
        """Return what is known of the files with these keys; see the interface."""
        return self._read(holdings, keys, since)

    def keys_without_sha256(self) -> list[str]:
        """Return the keys of all files of which no sha256 is stated."""
        return self._read(keys_without_sha256)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Let no look be written down within the block, by whatever process."""
        with self._database.writing():
            yield

    def export(self, registry: str, write: Callable[[bytes], object], seal: Seal | None) -> str:
        """Write the history of a registry; return the digest."""
        with self._database.reading() as connection:
            return export(connection, find_registry(connection, registry), write, seal)

    def import_(self, registry: str, lines: Iterable[bytes], *, digest: str | None, seal: Seal | None) -> int:
        """Take the history of projects of which nothing is known yet; see the interface."""
        with self._database.writing() as connection:
            return import_(connection, find_registry(connection, registry), lines, digest=digest, seal=seal)

    def copy_to(self, place: HistoryPlace, before: Callable[[], None] = lambda: None) -> int:
        """Copy everything into the empty database at ``place``; see the interface."""
        with closing(Database(place)) as target:
            require_empty(target)
            before()
            return copy_history(self._database, target)

    def _read(self, read: Callable[..., _Found], *args: object, in_parts: bool = False) -> _Found:
        with self._database.reading(in_parts=in_parts) as connection:
            return read(connection, *args)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# The methods have parameters of these names.
_REGISTRY, _PROJECT = registry, project
