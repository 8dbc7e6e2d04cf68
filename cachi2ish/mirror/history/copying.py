"""Copies a history row by row into another database, of the same kind or of another, and compares it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select

from cachi2ish.errors import InputError, StorageError
from cachi2ish.mirror.history.engines.database import Database
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
        count = sum(_copy_table(there, here, table) for table in metadata.sorted_tables)
        for table in metadata.sorted_tables:
            _compare_table(there, here, table)
        for problem in contradictions(here):
            raise StorageError(f"the copy of the history contradicts itself: {problem}")
    return count


def expect_empty(target: Database) -> None:
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


def _copy_table(there: Connection, here: Connection, table: Table) -> int:
    count = 0
    for rows in _parts(there, table):
        here.execute(insert(table), [row._asdict() for row in rows])
        count += len(rows)
    if count and here.dialect.name == "postgresql" and table.autoincrement_column is not None:
        # Rows that are added later must not take numbers that were copied.
        column = table.autoincrement_column
        newest = here.execute(select(func.max(column))).scalar_one()
        sequence = func.pg_get_serial_sequence(func.quote_ident(table.name), column.name)
        here.execute(select(func.setval(sequence, newest)))
    return count


def _compare_table(there: Connection, here: Connection, table: Table) -> None:
    for ours, theirs in zip_longest(_parts(there, table), _parts(here, table)):
        if ours is None or theirs is None or list(map(tuple, ours)) != list(map(tuple, theirs)):
            raise StorageError(
                f"the copy of the table {table.name} is not what was read",
                hint="nothing of the history was copied",
            )


def _parts(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    chosen = select(table).order_by(*table.primary_key.columns)
    yield from connection.execute(chosen, execution_options={"yield_per": _AT_ONCE}).partitions()
