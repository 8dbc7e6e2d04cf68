"""The second step: what was found out about the content of files, which stood in a file beside them before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "content",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_content"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "wheel_metadata",
        sa.Column("wheel", sa.LargeBinary(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("wheel", name="pk_wheel_metadata"),
        sqlite_with_rowid=False,
    )
