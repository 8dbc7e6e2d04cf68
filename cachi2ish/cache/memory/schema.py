"""The catalogue's database: its tables, and how it is opened or begun anew.

The tables hold nothing that cannot be asked for again, so there are no migrations: a database of another
version, or a damaged one, is moved aside (``….aside``) and an empty one takes its place.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cachi2ish.files.folder import Folder

#: Kept in ``PRAGMA user_version``; raise it with every change of the tables, and of what is in them.
VERSION = 6

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: Seconds between two notes of when a row was used: reading is not to be writing each time.
USED_EVERY = 86_400

#: Whether it is time to note that a row is used.
STALE = f"used < strftime('%s', 'now') - {USED_EVERY}"

#: Pages of the database that are written before they are moved into it, for which everybody has to wait: more
#: than one run writes. The last process to close the database moves the rest.
_CHECKPOINT = 25_000

#: Kilobytes of the database that a process holds in memory, and not two megabytes as SQLite: a row is read once.
_PAGE_CACHE = 400

#: How long to wait for another process that is writing, in milliseconds.
_BUSY_TIMEOUT = 30_000

# signer, mac: who has written the row, see `cachi2ish.cache.memory.signing`.
# address: of the index, redacted. fetched_at: microseconds since 1970, UTC. etag: empty for none.
# complete: whether all files are in the body. body: see `page_format`; there is none where the
# index has no such project. It stands apart, since a change of a row writes all of it anew.
# digest: what proves the body (`page_format.digest_of`), empty for none.
# used: when last used, in seconds since 1970, by the database's own clock, to the precision of USED_EVERY.
# Only housekeeping looks at it.
_TABLES = (
    """\
CREATE TABLE page (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    project TEXT NOT NULL,
    signer TEXT NOT NULL,
    fetched_at INTEGER NOT NULL,
    etag TEXT NOT NULL,
    complete INTEGER NOT NULL,
    digest BLOB NOT NULL,
    mac BLOB NOT NULL,
    used INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
    UNIQUE (address, project, signer)
)""",
    """\
CREATE TABLE body (
    page INTEGER PRIMARY KEY,
    content BLOB NOT NULL
)""",
    """\
CREATE TABLE recollection (
    key TEXT NOT NULL,
    signer TEXT NOT NULL,
    value TEXT NOT NULL,
    mac BLOB NOT NULL,
    used INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
    PRIMARY KEY (key, signer)
) WITHOUT ROWID""",
)
_MAKE = ";\n".join(("BEGIN IMMEDIATE", *_TABLES, f"PRAGMA user_version = {VERSION}", "COMMIT;"))

#: Failures that say that the file is torn, is no database, or has other tables.
_DAMAGE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB})


#: What SQLite says of torn definitions quotes them, and Python cannot decode that (`UnicodeDecodeError`).
_UNREADABLE = "the definitions of its tables are damaged"


class UnusableError(Exception):
    """The database has another version, or is damaged in a way that SQLite cannot tell; the message says which."""


class NotOursError(UnusableError):
    """It is no database that we have made."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database, making its tables where there is none yet.

    One connection for all threads; the caller lets one of them at it at a time, and one process open it at a
    time. One that is not ours is not changed. Raises `sqlite3.Error` and `UnusableError`.
    """
    _check_files(path)
    with suppress(OSError):  # SQLite would let nobody else write to it, whatever the umask; it tells what is wrong
        os.close(Folder(path.parent).open(path, os.O_RDWR | os.O_CREAT, 0o666))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with _closed_on_failure(connection):
        new = _is_new(connection)
        if not new:
            _check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # after a power cut the last pages may be missing
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
        connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE}")
        if new:
            connection.executescript(_MAKE)
            _check(connection)
    return connection


def open_existing(path: Path, *, write: bool = False) -> sqlite3.Connection:
    """Open the database as it is: nothing is made, moved or, unless ``write``, changed.

    For any thread, one at a time. Raises `sqlite3.Error` and `UnusableError`.
    """
    _check_files(path)
    if write:
        return _open_address(f"{path.as_uri()}?mode=rw")
    try:
        return _open_address(f"{path.as_uri()}?mode=ro")
    except sqlite3.OperationalError:
        # In WAL mode readers need two files beside the database, which cannot be made where nothing can be
        # written. Nobody else writes there then, so that it can be read without them.
        return _open_address(f"{path.as_uri()}?mode=ro&immutable=1")


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the database as it is, to change nothing in it and to leave nothing beside it.

    For any thread, one at a time. Raises `sqlite3.Error` and `UnusableError`.
    """
    with suppress(sqlite3.OperationalError):
        # Opened for no more than reading, it would leave the two files beside it that readers need (WAL).
        connection = open_existing(path, write=True)
        connection.execute("PRAGMA query_only = 1")
        return connection
    return open_existing(path)


def open_empty() -> sqlite3.Connection:
    """Open a database that holds nothing, and is gone when it is closed."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(_MAKE)
    return connection


def _open_address(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    with _closed_on_failure(connection):
        _check(connection)
    return connection


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
        yield
    except UnicodeDecodeError as error:
        connection.close()
        raise UnusableError(_UNREADABLE) from error
    except BaseException:
        connection.close()
        raise


def _is_new(connection: sqlite3.Connection) -> bool:
    with closing(connection.execute("SELECT count(*) FROM sqlite_master")) as rows:
        (tables,) = rows.fetchone()
    return not tables and not _version(connection)


def _version(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("PRAGMA user_version")) as rows:
        (version,) = rows.fetchone()
    return int(version)


def _check(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version != VERSION:
        msg = f"it has version {version}, not {VERSION}"
        raise UnusableError(msg)
    # A view in the place of a table may have no end, and a trigger may do anything.
    with closing(connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")) as rows:
        tables = [sql for (sql,) in rows]
    if sorted(map(str, tables)) != sorted(_TABLES):
        msg = "it has other tables than those of a catalogue"
        raise NotOursError(msg)


def _check_files(path: Path) -> None:
    """Raise `NotOursError` for what SQLite would follow to the file of another program, or wait for."""
    for file in (path, *beside(path)):
        with suppress(OSError):
            mode = file.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                msg = f"{file.name} is no regular file"
                raise NotOursError(msg)


def note_used(connection: sqlite3.Connection, statement: str, key: object) -> None:
    """Note by ``statement`` that the row with ``key`` is used."""
    with suppress(sqlite3.OperationalError):  # read-only or busy: what was read is none the worse for it
        connection.execute(statement, (key,))


def is_damage(error: Exception) -> bool:
    """Return whether the database itself is to blame, and not a lock or a full disk."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _DAMAGE  # the rest is the extended code


def lock_of(path: Path) -> Path:
    """Return the file that those lock who open the database to write, or move it aside."""
    return path.with_name(f"{path.name}.lock")


def beside(path: Path) -> tuple[Path, ...]:
    """Return the files that SQLite keeps beside the database while it is open (WAL), or looks for."""
    return tuple(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))


def aside_of(path: Path) -> Path:
    """Return where a database goes that is moved aside."""
    return path.with_name(f"{path.name}.aside")


def move_aside(path: Path) -> None:
    """Rename the database, in the place of one that was moved aside before. Raises `OSError`."""
    path.replace(aside_of(path))
    for file in beside(path):  # they would be taken for the new one's
        file.unlink(missing_ok=True)


def to_microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970, UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the instant, in UTC; raises `OverflowError` for one that no calendar has."""
    return _EPOCH + timedelta(microseconds=count)
