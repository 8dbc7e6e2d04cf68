"""Many rows into a table of PostgreSQL as one stream (COPY): no statement for each, and no answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Column, Connection, Dialect, Table, func, select
from sqlalchemy.exc import DBAPIError

# Of a stream that is cut it warns a second time, beside the error that it raises.
logging.getLogger("psycopg").setLevel(logging.ERROR)


def copy_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
    """Add rows with values for all columns of a table; return how many. Raises `DBAPIError`."""
    # The binary format converts nothing, and so no type is to be guessed.
    types = [type_name(column, connection.dialect) for column in table.columns]
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(column.name) for column in table.columns)
    packing = [
        (place, process)
        for place, column in enumerate(table.columns)
        if (process := column.type.bind_processor(connection.dialect)) is not None
    ]
    statement = f"COPY {preparer.format_table(table)} ({names}) FROM STDIN (FORMAT BINARY)"
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    count = 0
    try:
        with psycopg.Cursor(driver).copy(statement.encode()) as stream:
            stream.set_types(types)
            for row in rows:
                values = list(row)
                for place, process in packing:
                    values[place] = process(values[place])
                stream.write_row(values)
                count += 1
    except psycopg.Error as error:
        failure = DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect)
        if driver.closed:
            # To roll back over it would fail, and hide the reason.
            connection.invalidate(failure)
        raise failure from error
    column = table.autoincrement_column
    if count and column is not None:
        # Rows that are added later must not take numbers that were given.
        newest = connection.execute(select(func.max(column))).scalar_one()
        sequence = func.pg_get_serial_sequence(func.quote_ident(table.name), column.name)
        connection.execute(select(func.setval(sequence, newest)))
    return count


def type_name(column: Column[Any], dialect: Dialect) -> str:
    """Return how the server calls the type of a column, as its table is made with it."""
    return column.type.compile(dialect).partition(" COLLATE ")[0].lower()
