"""Reads the past out of the database: implements `cachi2ish.mirror.history.interface.Pasts`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec.structs import replace
from packaging.utils import NormalizedName
from sqlalchemy import Connection, Row, bindparam, case, distinct, exists, func, select

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.overview.file_indexes import FileIndexes, past_files
from cachi2ish.mirror.history.projects_seen import Generation, find_registry, generations_of
from cachi2ish.mirror.history.tables import file, generation, observation, project
from cachi2ish.mirror.instants import end_of
from cachi2ish.mirror.pasts import DayCoverage, PastGeneration, ProjectPast, spelling
from cachi2ish.mirror.records import Instant

#: Names that are compared with one that is not known, which takes some ten milliseconds.
_MOST_NAMES = 2000

#: How alike a name must be, where 1 is the same.
_ALIKE = 0.7

#: Files that are read one by one in a few milliseconds.
_FEW = 100

#: Projects that are read together.
_AT_ONCE = 500

# Made once: making a statement takes as long as executing it.
_NEWEST_LOOK = (
    select(observation.c.id)
    .where(observation.c.project_id == project.c.id)
    .order_by(observation.c.last_at.desc())
    .limit(1)
    .correlate(project)
    .scalar_subquery()
)
_LOOKED_AT = (
    select(
        project.c.id, project.c.name, project.c.closed_until, observation.c.id.label("look"), observation.c.last_at
    )
    .join(observation, observation.c.id == _NEWEST_LOOK, isouter=True)
    .where(project.c.registry_id == bindparam("registry"), project.c.name.in_(bindparam("names", expanding=True)))
)
_OF_VERSION = (
    select(file.c.id)
    .join(generation, generation.c.id == file.c.generation_id)
    .join(project, project.c.id == generation.c.project_id)
    .where(
        project.c.registry_id == bindparam("registry"),
        project.c.name == bindparam("named"),
        file.c.version == bindparam("version"),
    )
    .limit(1)
)


class SqlPasts:
    """See `Pasts`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._indexes = FileIndexes()

    def project(
        self, registry: str, name: NormalizedName, *, versions: Collection[str] = (), at_once: bool = False
    ) -> ProjectPast:
        """Return what is known of a project; see the interface."""
        return self._projects(registry, {name: versions}, at_once=at_once)[name]

    def has_version(self, registry: str, name: NormalizedName, version: str) -> bool:
        """Return whether a project ever had a version that is spelled so."""
        with self._database.reading() as connection:
            values = {"registry": find_registry(connection, registry).id, "named": name, "version": version}
            return connection.execute(_OF_VERSION, values).first() is not None

    def projects(
        self, registry: str, wanted: Mapping[NormalizedName, Collection[str]]
    ) -> dict[NormalizedName, ProjectPast]:
        """Return what is known of projects; see the interface."""
        return self._projects(registry, wanted, at_once=False)

    def _projects(
        self, registry: str, wanted: Mapping[NormalizedName, Collection[str]], *, at_once: bool
    ) -> dict[NormalizedName, ProjectPast]:
        found = {name: ProjectPast(registry=registry, name=name) for name in wanted}
        with self._database.reading() as connection:
            number = find_registry(connection, registry).id
            for some in in_batches(wanted, _AT_ONCE):
                rows = connection.execute(_LOOKED_AT, {"registry": number, "names": some}).all()
                known = {NormalizedName(row.name): row for row in rows}
                for name, past in self._read(connection, known, wanted, at_once=at_once):
                    found[name] = replace(past, registry=registry)
        return found

    def _read(
        self,
        connection: Connection,
        known: Mapping[NormalizedName, Row[*tuple[Any, ...]]],
        wanted: Mapping[NormalizedName, Collection[str]],
        *,
        at_once: bool,
    ) -> Iterator[tuple[NormalizedName, ProjectPast]]:
        generations = dict(generations_of(connection, [row.id for row in known.values()]))
        looks = {row.id: row.look for row in known.values() if row.id in generations and row.look is not None}
        indexes = self._indexes.kept(looks) if at_once else self._indexes.of(connection, looks, generations)
        numbers = {one.id: one.number for some in generations.values() for one in some}
        chosen: dict[NormalizedName, list[int]] = {}
        for name, row in known.items():
            index = indexes.get(row.id)
            if index is not None and wanted[name]:
                spelled = (spelling(index.tallies, one) for one in wanted[name])
                chosen[name] = index.ids_of({one for one in spelled if one is not None})
        incomplete = {row.id for row in known.values() if row.id in looks and row.id not in indexes}
        if at_once:
            long = [name for name, some in chosen.items() if len(some) > _FEW]
            for name in long:
                del chosen[name]
                incomplete.add(known[name].id)
        files = past_files(connection, [one for some in chosen.values() for one in some], numbers)
        for name, row in known.items():
            index = indexes.get(row.id)
            past = ProjectPast(
                registry="",
                name=name,
                looked_at=row.last_at,
                closed_until=row.closed_until,
                generations=tuple(_generation(one) for one in generations.get(row.id, ())),
                complete=row.id not in incomplete,
            )
            if index is not None:
                mine = (*index.others.values(), *(files[one] for one in chosen.get(name, ())))
                past = replace(past, tallies=index.tallies, plain=index.plain, files=mine)
            yield name, past

    def coverage(self, registry: str, cutoff: Cutoff | None, now: Instant) -> DayCoverage:
        """Return how much is known as of a cutoff; None for now."""
        before = end_of(cutoff) or now
        observed = case((generation.c.first_seen < before, project.c.id))
        closed = case((project.c.closed_until >= before, project.c.id))
        with self._database.reading() as connection:
            counted = (
                select(*(func.count(distinct(one)) for one in (project.c.id, observed, closed)))
                .join(generation, generation.c.project_id == project.c.id)
                .where(
                    project.c.registry_id == find_registry(connection, registry).id,
                    generation.c.first_available < before,
                )
            )
            row = connection.execute(counted).one()
        return DayCoverage(there=row[0], observed=row[1], closed=row[2])

    def alike(self, registry: str, name: str, most: int) -> tuple[NormalizedName, ...]:
        """Return names of projects that were there and that somebody may have meant, the likeliest first."""
        with self._database.reading() as connection:
            names = _names_like(connection, find_registry(connection, registry).id, name)
        return tuple(NormalizedName(one) for one in get_close_matches(name, names, most, _ALIKE))


def _generation(one: Generation) -> PastGeneration:
    states = tuple((seen_from, state.exists, state.status, state.reason) for seen_from, state in one.states)
    return PastGeneration(one.number, one.since, one.first_seen, one.first_available, states)


def _names_like(connection: Connection, registry_id: int, name: str) -> list[str]:
    """Return some names to look through: all, or those that begin in the same way where there are too many."""
    was_there = exists().where(generation.c.project_id == project.c.id)
    names: list[str] = []
    for length in range(len(name)):
        begin = name[:length]
        chosen = select(project.c.name).where(project.c.registry_id == registry_id, was_there)
        if begin:
            chosen = chosen.where(project.c.name >= begin, project.c.name < begin + "~")
        names = list(connection.execute(chosen.order_by(project.c.name).limit(_MOST_NAMES + 1)).scalars())
        if len(names) <= _MOST_NAMES:
            break
    return names
