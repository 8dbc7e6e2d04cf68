"""The database of the history: opening it, bringing its tables up to date, and transactions.

What differs between kinds of databases is here, and nowhere else in the history.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cachi2ish.errors import StorageError

#: The newest step of `migrations`.
HEAD = "0001"

#: Seconds for which a process waits for another one that is writing.
_PATIENCE = 30

_WRITES = "history_writes"

#: The part of SQLite's codes that names the kind of an error.
_PRIMARY = 0xFF

_CHECK = "check rights and free space there"
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


class Database:
    """One database. Many threads and processes may share it; writers wait for one another."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the SQLite database at ``path``, or make it. Raises `StorageError`.

        read_only: one that is there, to be read and nothing else, also where nothing may be written.
        """
        self._name = str(path)
        self._writer = Lock()
        if not read_only:
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise self._unusable(error.strerror or str(error)) from error
        self._path = path
        #: What the file was like when nobody wrote it, where no lock of a reader can keep writers away.
        self._at_rest = _at_rest(path) if read_only and not os.access(path.parent, os.W_OK) else None
        alone = self._at_rest is not None
        self._engine = _reading_engine(path, alone=alone) if read_only else _sqlite_engine(path)
        try:
            self._bring_up_to_date(read_only=read_only)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the database.

        Raises `StorageError` at its end where another process wrote, and nothing could keep the state.
        """
        try:
            with self._errors(), self._engine.connect() as connection, connection.begin():
                yield connection
        except Exception:
            self._expect_rest()
            raise
        self._expect_rest()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes: everything of the block happens, on disk, or nothing of it."""
        with self._errors(), self._writer, self._engine.connect() as opened:
            connection = opened.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def size(self) -> int:
        """Return the bytes of the database."""
        with self.reading() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one())

    def damage(self) -> tuple[str, ...]:
        """Return what the database itself finds wrong."""
        with self.reading() as connection:
            found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)"))]
            broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        lines = tuple(f"the database is damaged: {line}" for line in found if line != "ok")
        return lines if broken is None else (*lines, f"the table {broken[0]} has rows that lead nowhere")

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()

    def _bring_up_to_date(self, *, read_only: bool) -> None:
        with self._errors(), self._engine.connect() as connection:
            found = _step(connection)
        if found == HEAD:
            return
        # Only now: it takes some time to import.
        from cachi2ish.mirror.history.migrations.upgrading import steps, upgrade  # noqa: PLC0415

        if found is not None and found not in steps():
            raise StorageError(
                f"the history {self._name} was written by a later version of cachi2ish",
                hint="look for a newer cachi2ish",
            )
        if read_only:
            raise StorageError(
                f"the history {self._name} is not one of this version of cachi2ish",
                hint="run mirror serve or mirror sync once, which bring it up to date",
            )
        with self.writing() as connection:
            upgrade(connection)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY
            raise self._unusable(str(error.orig), _HINTS.get(code, _CHECK)) from error
        except SQLAlchemyError as error:
            raise self._unusable(str(error)) from error

    def _expect_rest(self) -> None:
        if self._at_rest is not None and _at_rest(self._path) != self._at_rest:
            raise StorageError(
                f"another process has written the history {self._name} while it was read",
                hint="run the command again",
            )

    def _unusable(self, problem: str, hint: str = _CHECK) -> StorageError:
        return StorageError(f"the history {self._name} cannot be used: {problem}", hint=hint)


def _sqlite_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path.absolute()}", connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
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
            timeout=_PATIENCE,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        ),
    )


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the library begins transactions too late: see _begin
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what was served as closed is on disk, power failure or not
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    writes: Any = connection.get_execution_options().get(_WRITES)
    # A writer that begins as a reader cannot wait for another writer.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _step(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
