"""Runs the steps on the connection that `cachi2ish.mirror.history.migrations.upgrading` has opened."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
