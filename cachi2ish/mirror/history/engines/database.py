"""The database of the history: opening it, bringing its tables up to date, and transactions."""

from __future__ import annotations

import errno
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Lock

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cachi2ish.errors import InputError, StorageError
from cachi2ish.mirror.history.engines.interface import CHECK, DatabaseKind, HistoryPlace
from cachi2ish.mirror.history.engines.sqlite_database import SqliteDatabase
from cachi2ish.mirror.history.tables import metadata

#: Seconds for which the end waits for threads that still read or write.
_LAST_USES = 10.0

#: The newest step of `migrations`.
HEAD = "0003"
_STEP = "SELECT version_num FROM alembic_version"


class Database:
    """One database. Many threads and processes may share it; writers wait for one another.

    kind: what is done by its kind within a transaction.
    """

    def __init__(self, place: HistoryPlace, *, read_only: bool = False, make: bool = True) -> None:
        """Open the database at ``place``, and make its tables where there are none. Raises `StorageError`.

        read_only: one that is there, to be read and nothing else, also where nothing may be written. make: without
        it, `InputError` is raised where there are no tables: a name may be misspelled.
        """
        self.kind = _kind_of(place, read_only=read_only)
        self._writer = Lock()
        self._idle = Condition()
        self._uses, self._closed, self._up_to_date = 0, False, False
        try:
            self.kind.prepare()
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        try:
            self._bring_up_to_date(read_only=read_only, make=make)
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """What messages call it: without any secret."""
        return self.kind.name

    @contextmanager
    def reading(self, *, in_parts: bool = False) -> Iterator[Connection]:
        """Open a transaction that sees one state of the database.

        in_parts: for statements that ask for some rows each, by their numbers, until all are read.
        Raises `StorageError` at its end where another process wrote, and nothing could keep the state, and at its
        beginning where a later version has brought the tables up to date meanwhile.
        """
        try:
            with self._in_use(), self.kind.engine.connect() as connection, connection.begin():
                self.kind.begin_reading(connection)
                self._check_step(connection)
                if in_parts:
                    self.kind.prefer_indexes(connection)
                yield connection
        except Exception:
            self.kind.check_reading()
            raise
        self.kind.check_reading()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes: everything of the block happens, on disk, or nothing of it.

        Raises `StorageError` where a later version has brought the tables up to date meanwhile. It does so as a
        writer, and so not before the end.
        """
        with self._in_use(), self._writer, self.kind.engine.connect() as connection, connection.begin():
            self.kind.begin_writing(connection)
            self._check_step(connection)
            yield connection

    def record_files_place(self, place: str, *, replace: bool) -> str | None:
        """Write down where all machines have their files; return what was written before, None for nothing.

        replace: also where another place is written; without it, that stays.
        """
        with self.reading() as connection:
            before = self.kind.files_place(connection)
        if before == place or (before is not None and not replace):
            return before
        with self.writing() as connection:
            before = self.kind.files_place(connection)  # another machine may have begun at the same time
            if before is None or replace:
                self.kind.write_files_place(connection, place)
        return before

    def size(self) -> int:
        """Return the bytes of the database."""
        with self.reading() as connection:
            return self.kind.size(connection)

    def damage(self) -> tuple[str, ...]:
        """Return what the database itself finds wrong."""
        with self.reading() as connection:
            return tuple(self.kind.damage(connection))

    def claim(self) -> bool:
        """Return whether this process is the one that follows projects: the first that asks, until it ends.

        To be asked again before each round: a lock on a server is lost with the connection.
        """
        with self._in_use():
            try:
                return self.kind.claim()
            except OSError as error:
                raise self._unusable(error.strerror or str(error)) from error

    def try_claim_file(self, key: str) -> bool:
        """Return whether this process holds the claim on a file, beside all other machines; see the interface."""
        with self._in_use():
            return self.kind.try_claim_file(key)

    def leave_file(self, key: str) -> bool:
        """Let go of a claim; return False where it was lost meanwhile."""
        with self._in_use():
            return self.kind.leave_file(key)

    def close(self) -> None:
        """Let go of it, once the threads that use it have done so; those that come later are refused."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._uses, _LAST_USES)
        self.kind.close()

    def _bring_up_to_date(self, *, read_only: bool, make: bool) -> None:
        with self.reading() as connection:
            found = _step(connection)
        if found == HEAD:
            self._up_to_date = True
            return
        # Only now: it takes some time to import.
        from cachi2ish.mirror.history.migrations.upgrading import steps, upgrade  # noqa: PLC0415

        if found is not None and found not in steps():
            raise self._later()
        for problem in self.damage() if found is None else ():
            raise self._unusable(problem, "make the database anew")
        if read_only or not make:
            self._expect_tables()
        if read_only:
            raise StorageError(
                f"the history {self.kind.name} is not one of this version of cachi2ish",
                hint="run mirror serve or mirror sync once, which bring it up to date",
            )
        with self.writing() as connection:
            upgrade(connection)
        self._up_to_date = True

    def _expect_tables(self) -> None:
        """Raise `InputError` where there is nothing of a history: not every command begins one."""
        with self.reading() as connection:
            if metadata.tables.keys().isdisjoint(inspect(connection).get_table_names()):
                raise InputError(
                    f"there is no history in {self.kind.name}",
                    hint="name the place that has it with --directory or --database; mirror serve, track, import"
                    " and copy begin one",
                )

    def _check_step(self, connection: Connection) -> None:
        """Refuse what a later version has changed since this one has opened it: it says something else now."""
        if self._up_to_date and connection.exec_driver_sql(_STEP).scalar_one_or_none() != HEAD:
            raise self._later()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._idle:
            if self._closed:
                raise self._unusable("it was closed", "run the command again")
            self._uses += 1
        try:
            with self._errors():
                yield
        finally:
            with self._idle:
                self._uses -= 1
                self._idle.notify_all()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            cause = (errno.ENOSPC,) if self.kind.is_full(error) else None
            raise self._unusable(*self.kind.explain(error), cause=cause) from error
        except SQLAlchemyError as error:
            raise self._unusable(str(error)) from error

    def _later(self) -> StorageError:
        return StorageError(
            f"the history {self.kind.name} was written by a later version of cachi2ish",
            hint="look for a newer cachi2ish",
        )

    def _unusable(self, problem: str, hint: str = CHECK, *, cause: Hashable = None) -> StorageError:
        return StorageError(f"the history {self.kind.name} cannot be used: {problem}", hint=hint, cause=cause)


def _kind_of(place: HistoryPlace, *, read_only: bool) -> DatabaseKind:
    if isinstance(place, Path):
        return SqliteDatabase(place, read_only=read_only)
    try:
        # Only where it is used: the driver is not installed everywhere.
        from cachi2ish.mirror.history.engines.postgresql_database import PostgresqlDatabase  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"a history in PostgreSQL needs psycopg, which cannot be loaded: {error}",
            hint="install cachi2ish[postgresql], or from a clone: make install WITH=mirror",
        ) from None
    return PostgresqlDatabase(place, read_only=read_only)


def _step(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql(_STEP).scalar_one_or_none()
