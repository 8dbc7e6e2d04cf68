"""The kinds of databases that a history may be in, SQLite and PostgreSQL, and how they keep texts."""
