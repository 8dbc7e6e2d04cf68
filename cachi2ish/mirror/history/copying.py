"""Copies a history row by row into another database, of the same kind or of another, and compares it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import Connection, Row, Table, select, type_coerce

from cachi2ish.errors import InputError, StorageError
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.engines.packed_texts import Packed
from cachi2ish.mirror.history.freezing import contradictions
from cachi2ish.mirror.history.tables import metadata, project

#: Rows that are in memory at once.
_AT_ONCE = 5000


def copy_history(source: Database, target: Database) -> int:
    """Copy everything that ``source`` holds now; return how many rows that are.

    It is one transaction, which ends well only where ``target`` gives back what was read, and its frozen days do
    not contradict it. Raises `InputError` where something is known there already, and `StorageError`.
    """
    with source.reading() as there, target.writing() as here:
        _check_empty(target, here)
        for table in reversed(metadata.sorted_tables):  # rules of registries that a server has entered
            here.execute(table.delete())
        count = sum(
            target.kind.bulk_insert(here, table, chain.from_iterable(_parts(there, table, packed=True)))
            for table in metadata.sorted_tables
        )
        target.kind.analyze(here)
        for table in metadata.sorted_tables:
            _compare_table(there, here, table)
        target.kind.prefer_indexes(here)
        for problem in contradictions(here):
            raise StorageError(f"the copy of the history contradicts itself: {problem}")
    return count


def require_empty(target: Database) -> None:
    """Raise `InputError` where something is known in ``target``."""
    with target.reading() as here:
        _check_empty(target, here)


def _check_empty(target: Database, here: Connection) -> None:
    if here.execute(select(project.c.id).limit(1)).first() is not None:
        raise InputError(
            f"{target.name} has a history already, and two pasts do not fit together",
            hint="name an empty database, or leave TARGET out: files alone are copied then; mirror export and"
            " import bring over single registries",
        )


def _compare_table(there: Connection, here: Connection, table: Table) -> None:
    # Whether texts are packed is compared where it differs, and told apart nowhere else.
    packed = all(
        _same(*rows) for rows in zip_longest(_parts(there, table, packed=True), _parts(here, table, packed=True))
    )
    if not packed and not all(_same(*rows) for rows in zip_longest(_parts(there, table), _parts(here, table))):
        raise StorageError(
            f"the copy of the table {table.name} is not what was read", hint="nothing of the history was copied"
        )


def _same(ours: Sequence[Row[Any]] | None, theirs: Sequence[Row[Any]] | None) -> bool:
    return ours is not None and theirs is not None and list(map(tuple, ours)) == list(map(tuple, theirs))


def _parts(connection: Connection, table: Table, *, packed: bool = False) -> Iterator[Sequence[Row[Any]]]:
    """Yield all rows. packed: with texts as they are kept, which takes less time."""
    columns = [
        type_coerce(column, column.type.impl).label(column.name)
        if packed and isinstance(column.type, Packed)
        else column
        for column in table.columns
    ]
    chosen = select(*columns).order_by(*table.primary_key.columns)
    yield from connection.execute(chosen, execution_options={"yield_per": _AT_ONCE}).partitions()
