"""The third step: files take less room.

Paths and metadata are packed from now on (`cachi2ish.mirror.history.engines.packed_texts`), which versions before
this one cannot read; what was written before stays as it is. In PostgreSQL, keys are found by their hash.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index of keys another one: readers go on meanwhile, and wait only while the names change."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_file_key_by_hash", "file", ["key"], unique=False, postgresql_using="hash")
        op.drop_index("ix_file_key", "file")
        op.execute("ALTER INDEX ix_file_key_by_hash RENAME TO ix_file_key")
