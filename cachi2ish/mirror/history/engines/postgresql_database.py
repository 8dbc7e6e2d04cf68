"""PostgreSQL: a server, for any number of processes on any number of machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

import psycopg
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    MetaData,
    Table,
    TextClause,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import SetTableComment

from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError
from cachi2ish.mirror.history.engines.interface import PATIENCE
from cachi2ish.mirror.history.engines.liveness import Liveness, SlowLoginError
from cachi2ish.mirror.history.engines.postgresql_copy import copy_rows
from cachi2ish.mirror.history.engines.server_claims import ServerClaims
from cachi2ish.mirror.history.tables import metadata, registry

#: Connections that stay open, and those that are opened beside them where many read at once.
_OPEN, _MORE = 8, 8

#: What holds unless the address says otherwise. A login is given up after so many seconds, and a connection whose
#: other end is silent after about this many milliseconds, or seconds.
_PATIENCE = {
    "connect_timeout": 10,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

#: Names of advisory locks. The schema is the other half of each, so that one database may have several histories.
_WRITING, _FOLLOWING = 8417, 8418

#: Whoever asks for some hundred rows by their numbers is not to be given a plan that reads the whole table, that
#: is compiled first, or for which other processes are started. The larger the tables are, the more rows the
#: server takes these hundreds for: of two million files, this takes a twentieth of the time.
_IN_PARTS = text(
    "SELECT set_config('max_parallel_workers_per_gather', '0', true), set_config(name, 'off', true)"
    " FROM unnest(ARRAY['jit', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) AS name"
)

#: Of a connection that fails or is lost, libpq has no code.
_LOST = "look whether the server runs, and into its log; it is asked again over another connection"
_REACH = (
    "check that the server runs at that address and has the database (createdb --encoding=UTF8 NAME), and the user"
    " name and password: in the address, in PGPASSWORD, or in ~/.pgpass"
)

_LOGINS = (
    "look at what lets users in there: LDAP, PAM, a load balancer; connect_timeout=60 in the address lets it"
    " take a minute"
)

#: What the comment of a table says of files, before their place.
_FILES_ARE_IN = "files of the mirror are in "

#: The code of an error where there is no room on the disk (PostgreSQL, appendix A: disk_full).
_FULL = "53100"

#: What to do, by the beginning of the code of an error (PostgreSQL, appendix A): the longest that fits.
_HINTS = {
    "08": _REACH,
    "25006": "this server only reads: name the one that takes writes",
    "42501": "the role must own the tables, and may have to make them: GRANT CREATE ON SCHEMA public TO …",
    _FULL: "free some space on the disk of the server",
    "53300": "raise max_connections of the server, or run fewer workers",
    "55P03": "another process is writing for a long time: try again, or look for one that hangs",
    "57": "the server ends or starts; what is asked for later is tried again",
    "58": "look into the log of the server",
    "XX": "look into the log of the server, and bring the database back from a backup",
}
_LOG = "look into the log of the server"


class PostgresqlDatabase:
    """Implements `cachi2ish.mirror.history.engines.interface.DatabaseKind` for the server at ``address``.

    address: as libpq has it (``postgresql://user@host/database``); what it leaves out comes from libpq's own
    variables (``PGPASSWORD``, …) and files (``~/.pgpass``). Raises `InputError` for one that is none.
    """

    product = "PostgreSQL"

    def __init__(self, address: Address, *, read_only: bool) -> None:
        self.name = address.redacted
        self._read_only = read_only
        self._claim: Connection | None = None
        self._claiming = Lock()
        liveness = Liveness()
        self.engine = _engine_of(address, liveness)
        self._files = ServerClaims(_engine_of(address, liveness, NullPool))

    def prepare(self) -> None:
        """Make nothing: the database must be there."""

    def begin_reading(self, connection: Connection) -> None:
        """Let the transaction see one state."""
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))

    def begin_writing(self, connection: Connection) -> None:
        """Wait for the lock that all writers take: what a look compares must not change until it is written down.

        Every statement behind it sees all that the writer before has written (read committed).
        """
        mode = "READ ONLY" if self._read_only else "READ WRITE"
        connection.execute(text(f"SET TRANSACTION ISOLATION LEVEL READ COMMITTED {mode}"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
        connection.execute(_locking("pg_advisory_xact_lock", _WRITING))

    def prefer_indexes(self, connection: Connection) -> None:
        """Let the server find rows by the indexes, until the transaction ends."""
        connection.execute(_IN_PARTS)

    def bulk_insert(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
        """Add rows as one stream."""
        return copy_rows(connection, table, rows)

    def analyze(self, connection: Connection) -> None:
        """Let the server count: its own vacuum comes minutes later.

        Nothing but the tables of the history: others may share the database, and each is locked until the end.
        """
        format_table = connection.dialect.identifier_preparer.format_table
        connection.execute(text(f"ANALYZE {', '.join(map(format_table, metadata.sorted_tables))}"))

    def check_reading(self) -> None:
        """Do nothing: a server keeps the state that a transaction sees."""

    def files_place(self, connection: Connection) -> str | None:
        """Return where all machines have their files, as one has written, None where nobody has.

        It stands in the comment of a table: it is no part of the history, and is not copied with it.
        """
        said = connection.execute(text(f"SELECT obj_description('{registry.name}'::regclass)")).scalar_one() or ""
        return str(said).removeprefix(_FILES_ARE_IN) if said.startswith(_FILES_ARE_IN) else None

    def write_files_place(self, connection: Connection, place: str) -> None:
        """Write it down."""
        commented = Table(registry.name, MetaData(), comment=f"{_FILES_ARE_IN}{place}")
        connection.execute(SetTableComment(commented))

    def size(self, connection: Connection) -> int:
        """Return the bytes of all tables of the schema, with their indexes."""
        return int(
            connection.execute(
                text(
                    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class"
                    " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
                )
            ).scalar_one()
        )

    def damage(self, connection: Connection) -> list[str]:
        """Return what is wrong with how the database is set up: its disk is the server's own business."""
        encoding = str(connection.execute(text("SHOW server_encoding")).scalar_one())
        if encoding == "UTF8":
            return []
        return [f"the database has the encoding {encoding}, and names of files need UTF8"]

    def explain(self, error: DBAPIError) -> tuple[str, str]:
        """Return the first line of what the server says, and what to do by its code."""
        code = getattr(error.orig, "sqlstate", None) or ""
        said = next(iter(str(error.orig).strip().splitlines()), "it does not say why")
        if isinstance(error.orig, SlowLoginError):
            return said, _LOGINS
        if not code and isinstance(error, OperationalError):
            return said, _REACH if error.statement is None else _LOST
        fits = [start for start in _HINTS if code.startswith(start)]
        return said, _HINTS[max(fits, key=len)] if fits else _LOG

    def is_full(self, error: DBAPIError) -> bool:
        """Return whether the disk of the server is full."""
        return getattr(error.orig, "sqlstate", None) == _FULL

    def claim(self) -> bool:
        """Return whether this process holds the lock, on a connection of its own that is still there."""
        with self._claiming:
            if self._claim is not None:
                try:
                    self._claim.execute(text("SELECT 1"))
                except SQLAlchemyError:
                    self._let_go()
                else:
                    return True
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                held = bool(connection.execute(_locking("pg_try_advisory_lock", _FOLLOWING)).scalar_one())
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            if held:
                self._claim = connection
            else:
                connection.close()
            return held

    def try_claim_file(self, key: str) -> bool:
        """Return whether this process holds the claim on a file, beside all other machines."""
        return self._files.try_claim(key)

    def leave_file(self, key: str) -> bool:
        """Let go of a claim; return False where it was lost meanwhile, with the connection."""
        return self._files.leave(key)

    def close(self) -> None:
        """Let go of the locks and of all connections."""
        with self._claiming:
            self._let_go()
        self._files.close()
        self.engine.dispose()

    def _let_go(self) -> None:
        if self._claim is not None:
            self._claim.invalidate()  # the lock ends with the connection
            self._claim.close()
            self._claim = None


def _locking(function: str, kind: int) -> TextClause:
    return text(f"SELECT {function}({kind}, hashtext(current_schema()))")


def _engine_of(address: Address, liveness: Liveness, kind: type[NullPool] | None = None) -> Engine:
    url = _url_of(address)
    pool = {
        "pool_size": _OPEN,
        "max_overflow": _MORE,
        "pool_timeout": PATIENCE,
        "pool_pre_ping": True,  # a server that was restarted has ended all connections
    }
    engine = create_engine(
        url,
        **({"poolclass": kind} if kind is not None else pool),
        connect_args={
            **{name: value for name, value in _PATIENCE.items() if name not in url.query},
            "application_name": "cachi2ish",
            "client_encoding": "utf8",  # whatever PGCLIENTENCODING says
        },
    )
    event.listen(engine, "do_connect", lambda _dialect, _record, words, named: liveness.connect(*words, **named))
    return engine


def _url_of(address: Address) -> URL:
    try:
        url = make_url(address.with_credentials)
        psycopg.conninfo.make_conninfo(**{name: str(value) for name, value in url.query.items()})
    except (ArgumentError, ValueError, psycopg.Error):
        raise InputError(
            f"{address} is not the address of a database",
            hint="write it as postgresql://user@host/database, and the password into PGPASSWORD or ~/.pgpass",
        ) from None
    return url.set(drivername="postgresql+psycopg")
