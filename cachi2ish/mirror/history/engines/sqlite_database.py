"""SQLite: a file, for one machine."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, text
from sqlalchemy.exc import DBAPIError

from cachi2ish.errors import StorageError
from cachi2ish.files.locks import try_lock
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.engines.interface import CHECK, PATIENCE

#: The part of SQLite's codes that names the kind of an error.
_PRIMARY = 0xFF

_DAMAGED = (
    "bring it back from a backup, or begin anew in another directory: mirror import takes the history that"
    " another one has exported"
)
_RIGHTS = "check whose the file and its directory are; who only reads them may use status, diff, verify and export"
_HINTS = {
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_FULL: "free some space there",
    sqlite3.SQLITE_BUSY: "another process is writing for a long time: try again, or look for one that hangs",
}

#: Rows that are added at once.
_AT_ONCE = 5000

#: Beside the database: held by the process that follows projects.
_CLAIM = "following.lock"


class SqliteDatabase:
    """Implements `cachi2ish.mirror.history.engines.interface.DatabaseKind` for the file at ``path``.

    read_only: it is there, and is to be read and nothing else, also where nothing may be written.
    """

    product = "SQLite"

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.name = str(path)
        self._path = path
        self._read_only = read_only
        self._claim: int | None = None
        #: What the file was like when nobody wrote it, where no lock of a reader can keep writers away.
        self._at_rest = _at_rest(path) if read_only and not os.access(path.parent, os.W_OK) else None
        alone = self._at_rest is not None
        self.engine = _reading_engine(path, alone=alone) if read_only else _writing_engine(path)

    def prepare(self) -> None:
        """Make the folder of the database. Raises `OSError`."""
        if not self._read_only:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction: the library would begin it too late."""
        connection.exec_driver_sql("BEGIN")

    def begin_writing(self, connection: Connection) -> None:
        """Begin as a writer: who begins as a reader cannot wait for another writer."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def prefer_indexes(self, connection: Connection) -> None:
        """Do nothing: it goes by the indexes anyway."""

    def bulk_insert(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        """Add rows, some at once."""
        names, count = table.columns.keys(), 0
        for some in in_batches(rows, _AT_ONCE):
            connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in some])
            count += len(some)
        return count

    def analyze(self, connection: Connection) -> None:
        """Do nothing: it plans without counts."""

    def check_reading(self) -> None:
        """Raise `StorageError` where another process wrote, and nothing could keep the state."""
        if self._at_rest is not None and _at_rest(self._path) != self._at_rest:
            raise StorageError(
                f"another process has written the history {self.name} while it was read",
                hint="run the command again",
            )

    def files_place(self, connection: Connection) -> str | None:  # noqa: ARG002  (the interface's)
        """Return None: there is no other machine."""
        return None

    def write_files_place(self, connection: Connection, place: str) -> None:
        """Do nothing: there is no other machine."""

    def size(self, connection: Connection) -> int:
        """Return the bytes of the database."""
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one())

    def damage(self, connection: Connection) -> list[str]:
        """Return what the database finds wrong in its pages, its indexes and its keys."""
        found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)"))]
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        lines = [f"the database is damaged: {line}" for line in found if line != "ok"]
        return lines if broken is None else [*lines, f"the table {broken[0]} has rows that lead nowhere"]

    def explain(self, error: DBAPIError) -> tuple[str, str]:
        """Return what SQLite says, and what to do by its code."""
        return str(error.orig), _HINTS.get(_code_of(error), CHECK)

    def is_full(self, error: DBAPIError) -> bool:
        """Return whether the disk is full."""
        return _code_of(error) == sqlite3.SQLITE_FULL

    def claim(self) -> bool:
        """Return whether this process holds the lock of the file beside the database. Raises `OSError`."""
        if self._claim is None:
            opened = os.open(self._path.with_name(_CLAIM), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not try_lock(opened):
                os.close(opened)
                return False
            self._claim = opened
        return True

    def try_claim_file(self, key: str) -> bool:  # noqa: ARG002  (the interface's)
        """Return True: there is no other machine."""
        return True

    def leave_file(self, key: str) -> bool:  # noqa: ARG002  (the interface's)
        """Return True: nothing is lost."""
        return True

    def close(self) -> None:
        """Let go of the lock and of the database."""
        if self._claim is not None:
            with suppress(OSError):
                os.close(self._claim)
            self._claim = None
        self.engine.dispose()


def _writing_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path.absolute()}", connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", _prepare)
    return engine


def _at_rest(path: Path) -> tuple[int, int, int] | None:
    """Return what tells whether a file has changed; None where a process writes, whose log is beside it then."""
    try:
        found = path.stat()
    except OSError:
        return None
    if path.with_name(f"{path.name}-wal").exists():
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _reading_engine(path: Path, *, alone: bool) -> Engine:
    """Return what only reads. alone: without locks, which cannot be made beside the file, and nobody writes it."""
    place = quote(str(path.absolute()))
    return create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            f"file:{place}?mode=ro{'&immutable=1' if alone else ''}",
            timeout=PATIENCE,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        ),
    )


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the library begins transactions too late
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what was served as closed is on disk, power failure or not
    connection.execute("PRAGMA foreign_keys = ON")


def _code_of(error: DBAPIError) -> int:
    code: int = getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY
    return code
