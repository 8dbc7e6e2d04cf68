"""Reads the past out of the database: implements `cachi2ish.mirror.history.interface.Pasts`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import groupby

from packaging.utils import NormalizedName
from sqlalchemy import Connection, case, distinct, exists, func, not_, select, union

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.known_files import key_text
from cachi2ish.mirror.history.projects_seen import (
    Generation,
    find_project,
    find_registry,
    generations_of,
    last_look,
)
from cachi2ish.mirror.history.tables import file, file_state, generation, project
from cachi2ish.mirror.instants import end_of
from cachi2ish.mirror.pasts import (
    DayCoverage,
    PastFile,
    PastGeneration,
    ProjectPast,
    SeenState,
    Span,
    VersionTally,
)
from cachi2ish.mirror.records import Instant

#: Names that are compared with one that is not known, which takes some ten milliseconds.
_MOST_NAMES = 2000

#: How alike a name must be, where 1 is the same.
_ALIKE = 0.7

_STATE = tuple(file_state.c[name] for name in SeenState._fields)


class SqlPasts:
    """See `Pasts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def project(
        self,
        registry: str,
        name: NormalizedName,
        instants: Sequence[Instant | None] = (),
        *,
        versions: Collection[str] = (),
        span: Span | None = None,
    ) -> ProjectPast:
        """Return what is known of a project; see the interface."""
        with self._database.reading() as connection:
            known = find_project(connection, find_registry(connection, registry).id, name)
            if known is None:
                return ProjectPast(registry=registry, name=name)
            look = last_look(connection, known.id)
            found = next((some for _, some in generations_of(connection, [known.id])), [])
            numbers = {one.id: one.number for one in found}
            return ProjectPast(
                registry=registry,
                name=name,
                looked_at=None if look is None else look.last_at,
                closed_until=known.closed_until,
                generations=tuple(_generation(one) for one in found),
                tallies=tuple(_tallies(connection, numbers, instants)),
                files=tuple(_files(connection, numbers, versions, span)),
            )

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


def _tallies(
    connection: Connection, numbers: Mapping[int, int], instants: Sequence[Instant | None]
) -> Iterator[VersionTally]:
    """Yield the versions of generations. numbers: of the generations, by the keys of their rows."""
    before = [
        func.count() if one is None else func.count(case((file.c.available < one, 1))).label(None)
        for one in instants
    ]
    firsts = func.min(file.c.available), func.min(file.c.first_seen)
    counted = (
        select(file.c.generation_id, file.c.version, func.count(), *firsts, *before)
        .where(file.c.generation_id.in_(numbers))
        .group_by(file.c.generation_id, file.c.version)
    )
    for number, version, files, first, seen, *counts in connection.execute(counted):
        yield VersionTally(numbers[number], version or "", files, first, seen, tuple(counts))


def _files(
    connection: Connection, numbers: Mapping[int, int], versions: Collection[str], span: Span | None
) -> Iterator[PastFile]:
    """Yield the files that were ever yanked or not listed, those of versions, and those of a span."""
    mine = file.c.generation_id.in_(numbers)
    states = select(file_state.c.file_id).where(file_state.c.file_id.in_(select(file.c.id).where(mine)))
    wanted = [states.where(not_(file_state.c.listed) | file_state.c.yanked.is_not(None))]
    if versions := [one for one in versions if "\0" not in one]:  # which PostgreSQL does not take
        wanted.append(select(file.c.id).where(mine, func.coalesce(file.c.version, "").in_(versions)))
    if span is not None:
        came = select(file.c.id).where(mine, file.c.available >= span.start)
        seen = (
            select(file_state.c.file_id)
            .join(file, file.c.id == file_state.c.file_id)
            .where(mine, file_state.c.seen_from >= span.start, file_state.c.seen_from != file.c.first_seen)
        )
        if span.end is not None:
            came, seen = came.where(file.c.available < span.end), seen.where(file_state.c.seen_from < span.end)
        wanted += [came, seen]
    columns = (file.c.id, file.c.generation_id, file.c.filename, file.c.version, file.c.key, file.c.first_seen)
    chosen = (
        select(*columns, file.c.available, *_STATE)
        .join(file_state, file_state.c.file_id == file.c.id)
        .where(file.c.id.in_(union(*wanted)))
        .order_by(file.c.id, file_state.c.seen_from)
    )
    for _, group in groupby(connection.execute(chosen), key=lambda row: row[0]):
        of_file = list(group)
        _, number, filename, version, key, first_seen, available = of_file[0][:7]
        yield PastFile(
            numbers[number],
            filename,
            version or "",
            key_text(key),
            first_seen,
            available,
            tuple([SeenState(*row[7:]) for row in of_file]),
        )


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
