from __future__ import annotations

import pytest
from psycopg import adapters
from sqlalchemy import Column, Float
from sqlalchemy.dialects import postgresql

from cachi2ish.mirror.history.engines.postgresql_copy import type_name
from cachi2ish.mirror.history.tables import metadata


def test_rows_are_copied_with_the_types_that_their_tables_are_made_with() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            made = column.type.compile(postgresql.dialect()).partition(" ")[0].lower()  # type: ignore[no-untyped-call]
            assert adapters.types.get_oid(type_name(column)) == adapters.types.get_oid(made), str(column)


def test_a_type_that_nobody_has_thought_of_is_not_taken_for_text() -> None:
    with pytest.raises(TypeError, match="size, Float"):
        type_name(Column("size", Float))
