"""The kinds of databases that a history may be in: SQLite on one machine, PostgreSQL beyond it."""
