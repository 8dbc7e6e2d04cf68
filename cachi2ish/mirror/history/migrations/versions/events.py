"""The first step: all tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "registry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("untimed", sa.Text(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("settling", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry"),
        sa.UniqueConstraint("name", name="uq_registry_name"),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_site"),
        sa.UniqueConstraint("url", name="uq_site_url"),
    )
    op.create_table(
        "frozen",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("registry_id", sa.Integer(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("projects", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name="fk_frozen_registry_id"),
        sa.PrimaryKeyConstraint("id", name="pk_frozen"),
        sa.UniqueConstraint("registry_id", "cutoff", "digest", name="uq_frozen_registry_id_cutoff_digest"),
    )
    op.create_table(
        "project",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("registry_id", sa.Integer(), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["registry_id"], ["registry.id"], name="fk_project_registry_id"),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
        sa.UniqueConstraint("registry_id", "name", name="uq_project_registry_id_name"),
    )
    op.create_index("ix_project_registry_id_due_at", "project", ["registry_id", "due_at"], unique=False)
    op.create_table(
        "alarm",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("project_id", _KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_alarm_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
    )
    op.create_table(
        "frozen_page",
        sa.Column("frozen_id", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("project_id", _KEY, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["frozen_id"], ["frozen.id"], name="fk_frozen_page_frozen_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_frozen_page_project_id"),
        sa.PrimaryKeyConstraint("frozen_id", "position", name="pk_frozen_page"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "generation",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("project_id", _KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("first_available", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_generation_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_generation"),
        sa.UniqueConstraint("project_id", "number", name="uq_generation_project_id_number"),
    )
    op.create_table(
        "observation",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("project_id", _KEY, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Boolean(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_observation_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_observation"),
    )
    op.create_index("ix_observation_project_id_last_at", "observation", ["project_id", "last_at"], unique=False)
    op.create_table(
        "file",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("generation_id", _KEY, nullable=False),
        sa.Column("filename", _NAME, nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("hashes", sa.Text(), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"], name="fk_file_generation_id"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_file_site_id"),
        sa.PrimaryKeyConstraint("id", name="pk_file"),
    )
    op.create_index("ix_file_generation_id", "file", ["generation_id"], unique=False)
    op.create_index("ix_file_key", "file", ["key"], unique=False)
    op.create_table(
        "project_state",
        sa.Column("generation_id", _KEY, nullable=False),
        sa.Column("seen_from", sa.BigInteger(), nullable=False),
        sa.Column("exists", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("versions", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"], name="fk_project_state_generation_id"),
        sa.PrimaryKeyConstraint("generation_id", "seen_from", name="pk_project_state"),
    )
    op.create_table(
        "file_state",
        sa.Column("file_id", _KEY, nullable=False),
        sa.Column("seen_from", sa.BigInteger(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("upload_time", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("requires_python", sa.Text(), nullable=True),
        sa.Column("yanked", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("provenance", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name="fk_file_state_file_id"),
        sa.PrimaryKeyConstraint("file_id", "seen_from", name="pk_file_state"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rescue",
        sa.Column("file_id", _KEY, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name="fk_rescue_file_id"),
        sa.PrimaryKeyConstraint("file_id", name="pk_rescue"),
    )
