"""Projects, their generations and what was seen of them, as rows of the history."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct
from packaging.utils import NormalizedName
from sqlalchemy import Connection, bindparam, insert, select, update

from cachi2ish.errors import InputError
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.tables import generation, observation, project, project_state, registry
from cachi2ish.mirror.records import Instant, Registry, UntimedFiles

#: Names in one statement.
_AT_ONCE = 500

#: Rows that are in memory at once where all are read.
_STREAMED = 5000


@dataclass(frozen=True, slots=True)
class KnownRegistry:
    """A registry, and its number."""

    id: int
    rules: Registry


class KnownProject(Struct, frozen=True, gc=False):
    """A project: see the table."""

    id: int
    name: NormalizedName
    due_at: Instant | None
    closed_until: Instant | None


class ProjectState(NamedTuple):
    """What an upstream says of a project at one look: the columns of ``project_state``, see there."""

    exists: bool
    status: str
    reason: str
    versions: bool


class Generation(Struct, frozen=True, gc=False):
    """A project from when its name was registered until it was deleted. states: with when they were seen first."""

    id: int
    number: int
    since: Instant | None
    first_seen: Instant
    first_available: Instant | None
    states: tuple[tuple[Instant, ProjectState], ...]

    @property
    def newest(self) -> ProjectState:
        """What was seen last."""
        return self.states[-1][1]

    def at(self, cutoff: Instant | None) -> ProjectState:
        """Return the state last seen before ``cutoff``, else the first one; None: the newest."""
        if cutoff is None:
            return self.newest
        seen = [state for seen_from, state in self.states if seen_from < cutoff]
        return seen[-1] if seen else self.states[0][1]


@dataclass(frozen=True, slots=True)
class LastLook:
    """The newest row of ``observation``, see there."""

    id: int
    last_at: Instant
    missing: bool
    serial: int | None
    etag: str | None
    digest: bytes | None


# Statements are made once: making one takes as long as executing it.

_ALL_REGISTRIES = select(registry).order_by(registry.c.name)


def find_registry(connection: Connection, name: str) -> KnownRegistry:
    """Return a registry by name; raises `InputError` where there is none."""
    registries = all_registries(connection)
    for known in registries:
        if known.rules.name == name:
            return known
    names = ", ".join(one.rules.name for one in registries) or "none"
    raise InputError(
        f"the mirror knows no registry {name!r}; it knows {names}",
        hint="serve or sync with --registry NAME=URL makes one known",
    )


def all_registries(connection: Connection) -> list[KnownRegistry]:
    """Return all registries, by name."""
    rows = connection.execute(_ALL_REGISTRIES)
    return [
        KnownRegistry(
            row.id,
            Registry(
                name=row.name,
                url=row.url,
                untimed=UntimedFiles(row.untimed),
                private=row.private,
                settling=row.settling,
                interval=row.interval,
            ),
        )
        for row in rows
    ]


_PROJECT = select(project.c.id, project.c.name, project.c.due_at, project.c.closed_until).where(
    project.c.registry_id == bindparam("registry"), project.c.name == bindparam("named")
)
_NEW_PROJECT = insert(project)


def find_project(connection: Connection, registry_id: int, name: str) -> KnownProject | None:
    """Return a project by name, None for one of which nothing is known."""
    row = connection.execute(_PROJECT, {"registry": registry_id, "named": name}).first()
    return None if row is None else KnownProject(*row)


_NAMES = select(project.c.id, project.c.name).where(project.c.id.in_(bindparam("numbers", expanding=True)))
_BY_NAME = (
    select(project.c.id, project.c.name)
    .where(project.c.registry_id == bindparam("registry"))
    .order_by(project.c.name)
)


def names_of(connection: Connection, numbers: Collection[int]) -> dict[int, NormalizedName]:
    """Return the names of projects, by their numbers."""
    return {row[0]: NormalizedName(row[1]) for row in connection.execute(_NAMES, {"numbers": list(numbers)})}


def by_name(connection: Connection, registry: KnownRegistry) -> Iterator[tuple[int, NormalizedName]]:
    """Yield numbers and names of all projects of a registry, by name; they are not in memory together."""
    options = {"yield_per": _STREAMED}
    for rows in connection.execute(_BY_NAME, {"registry": registry.id}, execution_options=options).partitions():
        yield from ((number, NormalizedName(name)) for number, name in rows)


def find_or_add_project(
    connection: Connection, registry_id: int, name: NormalizedName
) -> tuple[KnownProject, bool]:
    """Return a project by name, and whether it is new: then it is not followed yet."""
    found = find_project(connection, registry_id, name)
    if found is not None:
        return found, False
    number = connection.execute(_NEW_PROJECT, {"registry_id": registry_id, "name": name}).inserted_primary_key
    assert number is not None  # noqa: S101  (every table with a key of its own has one)
    return KnownProject(int(number[0]), name, None, None), True


def follow(connection: Connection, registry_id: int, names: Collection[NormalizedName], now: Instant) -> int:
    """Let projects be due now that are not followed; return how many there are."""
    count = 0
    for some in in_batches(dict.fromkeys(names), _AT_ONCE):
        mine = (project.c.registry_id == registry_id) & project.c.name.in_(some)
        known = set(connection.execute(select(project.c.name).where(mine)).scalars())
        rows = [{"registry_id": registry_id, "name": name, "due_at": now} for name in some if name not in known]
        if rows:
            connection.execute(insert(project), rows)
        idle = update(project).where(mine, project.c.due_at.is_(None)).values(due_at=now)
        count += len(rows) + connection.execute(idle).rowcount
    return count


_LAST_LOOK = (
    select(*(observation.c[name] for name in ("id", "last_at", "missing", "serial", "etag", "digest")))
    .where(observation.c.project_id == bindparam("project"))
    .order_by(observation.c.last_at.desc())
    .limit(1)
)


def last_look(connection: Connection, project_id: int) -> LastLook | None:
    """Return what was seen last of a project, None where nobody has looked."""
    row = connection.execute(_LAST_LOOK, {"project": project_id}).first()
    return None if row is None else LastLook(*row)


_GENERATION = tuple(
    generation.c[name] for name in ("id", "number", "since", "first_seen", "first_available", "project_id")
)
_STATE = tuple(project_state.c[name] for name in ProjectState._fields)
_GENERATIONS = (
    select(*_GENERATION, project_state.c.seen_from, *_STATE)
    .join(project_state, project_state.c.generation_id == generation.c.id)
    .where(generation.c.project_id.in_(bindparam("projects", expanding=True)))
    .order_by(generation.c.project_id, generation.c.number, project_state.c.seen_from)
)


def generations_of(connection: Connection, projects: Collection[int]) -> Iterator[tuple[int, list[Generation]]]:
    """Yield the generations of each project that has one, the oldest first; numbers of projects ascend."""
    width = len(_GENERATION)
    rows_of_all = connection.execute(_GENERATIONS, {"projects": list(projects)}).all()
    for project_id, of_project in groupby(rows_of_all, key=itemgetter(width - 1)):
        found = []
        for _, rows in groupby(of_project, key=itemgetter(0)):
            states = list(rows)
            seen = tuple([(row[width], ProjectState(*row[width + 1 :])) for row in states])
            facts: tuple[Any, ...] = (*states[0][: width - 1], seen)
            found.append(Generation(*facts))
        yield project_id, found


def generation_at(generations: list[Generation], cutoff: Instant | None) -> Generation:
    """Return the one that the name means before ``cutoff``: of a project that has generations."""
    if cutoff is None:
        return generations[-1]
    begun = [one for one in generations if one.since is None or one.since < cutoff]
    return begun[-1]
