"""The steps by which the tables of the history came to what they are (Alembic)."""
