from __future__ import annotations

import pytest
from psycopg import adapters
from sqlalchemy import Column, Float
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from cachi2ish.mirror.history.engines.postgresql_copy import type_name
from cachi2ish.mirror.history.tables import metadata

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]

#: As PostgreSQL lists them in pg_type.
OIDS = {"SMALLINT": 21, "INTEGER": 23, "BIGINT": 20, "BOOLEAN": 16, "BYTEA": 17, "TEXT": 25}


def test_rows_are_copied_with_the_types_that_their_tables_are_made_with() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            made = column.type.compile(DIALECT).partition(" ")[0]
            assert adapters.types.get_oid(type_name(column, DIALECT)) == OIDS[made], str(column)


def test_a_type_that_the_driver_does_not_know_is_not_taken_for_text() -> None:
    with pytest.raises(KeyError):
        adapters.types.get_oid(type_name(Column("size", Float), DIALECT))
