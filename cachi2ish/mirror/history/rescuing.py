"""Files that have vanished: whether the mirror has their bytes, and which others could be had again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from packaging.utils import NormalizedName
from sqlalchemy import Connection, func, insert, select, update

from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.known_files import KnownFile, files_named, files_numbered, key_bytes, key_text
from cachi2ish.mirror.history.projects_seen import all_registries, generations_of
from cachi2ish.mirror.history.tables import file, generation, observation, project, rescue
from cachi2ish.mirror.records import HistoricFile, Holding, Instant

#: Keys in one statement.
_AT_ONCE = 500


class RescueState(IntEnum):
    """What became of the bytes."""

    WANTED = 0
    HELD = 1
    LOST = 2


def to_be_rescued(connection: Connection, files: Iterable[KnownFile], now: Instant) -> None:
    """Write down that the bytes of these files are wanted, unless they were wanted before."""
    wanted = [one.id for one in files]
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        there = set(connection.execute(select(rescue.c.file_id).where(rescue.c.file_id.in_(part))).scalars())
        rows = [{"file_id": one, "since": now, "state": RescueState.WANTED} for one in part if one not in there]
        if rows:
            connection.execute(insert(rescue), rows)


def wanted_files(connection: Connection, limit: int) -> list[HistoricFile]:
    """Return files whose bytes are wanted, those first that have vanished longest ago."""
    chosen = select(rescue.c.file_id).where(rescue.c.state == RescueState.WANTED)
    numbers = list(connection.execute(chosen.order_by(rescue.c.since, rescue.c.file_id).limit(limit)).scalars())
    return historic_files(connection, files_numbered(connection, numbers))


def write_rescued(connection: Connection, one: HistoricFile, *, held: bool) -> None:
    """Write down what became of the bytes of a file: the same bytes may be wanted for several projects."""
    key = key_bytes(one.key)
    numbers = select(file.c.id).where(file.c.key == key)
    state = RescueState.HELD if held else RescueState.LOST
    connection.execute(
        update(rescue)
        .where(rescue.c.file_id.in_(numbers), rescue.c.state != RescueState.HELD)
        .values(state=state.value)
    )


def historic_files(connection: Connection, files: Iterable[KnownFile]) -> list[HistoricFile]:
    """Return files as others see them."""
    registries = {one.id: one.rules for one in all_registries(connection)}
    found = []
    for one in files:
        chosen = (
            select(project.c.id, project.c.name, project.c.registry_id)
            .join(generation, generation.c.project_id == project.c.id)
            .where(generation.c.id == one.generation)
        )
        number, name, registry_id = connection.execute(chosen).one()
        [(_, generations)] = generations_of(connection, [number])
        exists = next(each for each in generations if each.id == one.generation).newest.exists
        rules = registries[registry_id]
        found.append(one.historic(rules.name, NormalizedName(name), private=rules.private, exists=exists))
    return found


def holdings(connection: Connection, keys: Iterable[str], since: Instant) -> dict[str, Holding]:
    """Return what is known of the files with these keys; nothing for a key of which nothing is known."""
    wanted = (key for key in map(key_bytes, keys) if key is not None)
    found: dict[str, Holding] = {}
    for some in in_batches(wanted, _AT_ONCE):
        files = list(files_named(connection, some))
        there = _there(connection, {one.generation for one in files}, since)
        for one in files:
            key = key_text(one.key)
            before = found.get(key, Holding(frozenset(), listed=False))
            listed = before.listed or (one.state.listed and one.generation in there)
            found[key] = Holding(before.names | {one.filename}, listed=listed)
    return found


def _there(connection: Connection, generations: Collection[int], since: Instant) -> set[int]:
    """Return those of projects that a registry has, as a look since then has shown."""
    # Their projects first: this is looked up for one file again and again, and there are many observations.
    theirs = select(generation.c.project_id).where(generation.c.id.in_(generations))
    looked_at = (
        select(observation.c.project_id)
        .where(observation.c.project_id.in_(theirs))
        .group_by(observation.c.project_id)
        .having(func.max(observation.c.last_at) >= since)
    )
    projects = set(connection.execute(looked_at).scalars())
    return {
        one.id for _, known in generations_of(connection, projects) for one in known if one.newest.exists
    } & set(generations)
