"""What differs between kinds of databases, and nothing else of the history knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import DBAPIError

from cachi2ish.core.urls import Address

#: Where a history is: the file of a SQLite database, or the address of one of PostgreSQL.
HistoryPlace = Path | Address

#: Seconds for which a writer waits for another one.
PATIENCE = 30

#: The hint where nothing better is known.
CHECK = "check rights and free space there"


class DatabaseKind(Protocol):
    """One kind of database, at one place.

    product: what it is, as its makers spell it. name: of the place, in messages. engine: what SQLAlchemy opens
    connections with; each transaction that it begins only reads unless `begin_writing` was called first.
    """

    product: str
    name: str
    engine: Engine

    def prepare(self) -> None:
        """Make what must be there before the first connection. Raises `OSError`."""
        ...

    def begin_reading(self, connection: Connection) -> None:
        """Let a transaction that has just begun see one state of the database to its end."""
        ...

    def begin_writing(self, connection: Connection) -> None:
        """Wait until no other process writes; until the transaction ends, none does."""
        ...

    def prefer_indexes(self, connection: Connection) -> None:
        """Let rows be found by indexes until the transaction ends: each statement asks for some, by numbers."""
        ...

    def bulk_insert(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        """Add rows with values for all columns of a table; return how many."""
        ...

    def analyze(self, connection: Connection) -> None:
        """Let the database count its rows, nearly all of which are new: it plans by these counts."""
        ...

    def check_reading(self) -> None:
        """Raise `StorageError` where what was read in the transaction that has ended was no one state."""
        ...

    def files_place(self, connection: Connection) -> str | None:
        """Return where all machines have their files, as one of them has written; None where none has."""
        ...

    def write_files_place(self, connection: Connection, place: str) -> None:
        """Write it down."""
        ...

    def size(self, connection: Connection) -> int:
        """Return the bytes that the history takes."""
        ...

    def damage(self, connection: Connection) -> list[str]:
        """Return what the database itself finds wrong, as sentences."""
        ...

    def explain(self, error: DBAPIError) -> tuple[str, str]:
        """Return what is wrong, and what to do."""
        ...

    def is_full(self, error: DBAPIError) -> bool:
        """Return whether there is no room where the database is."""
        ...

    def claim(self) -> bool:
        """Return whether this process is the one that follows projects: the first that asks, until it ends."""
        ...

    def try_claim_file(self, key: str) -> bool:
        """Return whether this process holds the claim on a file, beside all other machines.

        A database of one machine lets everybody have it: processes there agree by files.
        """
        ...

    def leave_file(self, key: str) -> bool:
        """Let go of a claim; return False where it was lost meanwhile, with the connection."""
        ...

    def close(self) -> None:
        """Let go of the claims and of all connections."""
        ...
