"""Counts how much a history knows, and finds what upstreams have done lately that they never should."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from packaging.utils import NormalizedName
from sqlalchemy import Connection, Select, case, exists, func, select

from cachi2ish.mirror.history.rescuing import RescueState
from cachi2ish.mirror.history.tables import alarm, file, generation, observation, project, registry, rescue
from cachi2ish.mirror.records import Alarm, AlarmKind, Instant, Status

#: How many alarms a status has.
_MOST = 100


def how_much(connection: Connection, now: Instant, size: int, registries: Collection[str] | None) -> Status:
    """Return how much is known. size: of the database. registries: those that count; None for all."""

    def only(statement: Select[int]) -> Select[int]:
        # All files are counted faster than those of some registries.
        if registries is None:
            return statement
        joined = statement.join(registry, registry.c.id == project.c.registry_id)
        return joined.where(registry.c.name.in_(registries))

    def count(statement: Select[int]) -> int:
        return connection.execute(statement).scalar_one()

    counted, rescued = select(func.count()), select(func.count()).select_from(rescue)
    files, alarms = counted.select_from(file), counted.select_from(alarm)
    looks = select(func.coalesce(func.sum(observation.c.looks), 0)).select_from(observation)
    if registries is not None:
        rescued = rescued.join(file, file.c.id == rescue.c.file_id)
        of_file = generation.c.id == file.c.generation_id
        files, rescued = (one.join(generation, of_file) for one in (files, rescued))
        files, rescued = (one.join(project, project.c.id == generation.c.project_id) for one in (files, rescued))
        looks = looks.join(project, project.c.id == observation.c.project_id)
        alarms = alarms.join(project, project.c.id == alarm.c.project_id)
    was_there = exists().where(generation.c.project_id == project.c.id)
    by_registry = (
        select(
            registry.c.name,
            func.count(case((was_there, 1))).label("seen"),
            func.count(project.c.due_at).label("followed"),
        )
        .join(project, project.c.registry_id == registry.c.id, isouter=True)
        .group_by(registry.c.name)
        .order_by(registry.c.name)
    )
    due = select(func.count(), func.min(project.c.due_at)).select_from(project).where(project.c.due_at <= now)
    if registries is not None:
        by_registry = by_registry.where(registry.c.name.in_(registries))
        due = due.join(registry, registry.c.id == project.c.registry_id).where(registry.c.name.in_(registries))
    projects = connection.execute(by_registry).all()
    waiting, overdue = connection.execute(due).one()
    return Status(
        projects={row.name: row.seen for row in projects},
        followed={row.name: row.followed for row in projects},
        files=count(only(files)),
        looks=count(only(looks)),
        due=waiting,
        overdue=overdue,
        held=count(only(rescued.where(rescue.c.state == RescueState.HELD.value))),
        to_rescue=count(only(rescued.where(rescue.c.state == RescueState.WANTED.value))),
        lost=count(only(rescued.where(rescue.c.state == RescueState.LOST.value))),
        size=size,
        alarms=tuple(_newest_alarms(connection, registries)),
        all_alarms=count(only(alarms)),
    )


def _newest_alarms(connection: Connection, registries: Collection[str] | None) -> Iterator[Alarm]:
    wanted = (
        select(
            alarm.c.at,
            alarm.c.kind,
            alarm.c.text,
            registry.c.name.label("registry"),
            project.c.name.label("project"),
        )
        .join(project, project.c.id == alarm.c.project_id)
        .join(registry, registry.c.id == project.c.registry_id)
        .order_by(alarm.c.at.desc(), alarm.c.id.desc())
        .limit(_MOST)
    )
    if registries is not None:
        wanted = wanted.where(registry.c.name.in_(registries))
    for row in connection.execute(wanted):
        yield Alarm(row.at, row.registry, NormalizedName(row.project), AlarmKind(row.kind), row.text)
