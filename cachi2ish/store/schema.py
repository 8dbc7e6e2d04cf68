"""The catalogue's database: its tables, and how it is opened or begun anew.

The tables hold nothing that cannot be asked for again, so there are no migrations: a database of another
version, or a damaged one, is moved aside (``….aside``) and an empty one takes its place.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

#: Kept in ``PRAGMA user_version``; raise it with every change of the tables.
VERSION = 1

#: How long to wait for another process that is writing, in milliseconds.
_BUSY_TIMEOUT = 30_000

# source: sha256 of the opaque key. digests: "md5:… sha256:…". upload_time: microseconds since 1970, UTC.
# used: when last used, in seconds since 1970, by the database's own clock; only housekeeping looks at it.
_TABLES = """\
BEGIN IMMEDIATE;
CREATE TABLE page (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    project TEXT NOT NULL,
    address TEXT NOT NULL,
    versions TEXT,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    used INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
    UNIQUE (source, project)
);
CREATE TABLE file (
    page INTEGER NOT NULL,
    position INTEGER NOT NULL,
    filename TEXT NOT NULL,
    url TEXT NOT NULL,
    digests TEXT NOT NULL,
    requires_python TEXT,
    yanked INTEGER NOT NULL,
    yanked_reason TEXT NOT NULL,
    size INTEGER,
    upload_time INTEGER,
    PRIMARY KEY (page, position)
) WITHOUT ROWID;
CREATE TABLE validated (
    url TEXT PRIMARY KEY,
    etag TEXT NOT NULL,
    content_type TEXT NOT NULL,
    body BLOB NOT NULL,
    used INTEGER NOT NULL DEFAULT (strftime('%s', 'now'))
);
CREATE TABLE recollection (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    used INTEGER NOT NULL DEFAULT (strftime('%s', 'now'))
) WITHOUT ROWID;
PRAGMA user_version = {version};
COMMIT;
"""

#: Failures that say that the file is torn, is no database, or has other tables.
_DAMAGE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB})


class UnusableError(Exception):
    """The database has another version; the message says which."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database, making its tables where there is none yet.

    One connection for all threads; the caller lets one of them at it at a time, and one process open it at a
    time. Raises `sqlite3.Error` and `UnusableError`.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # after a power cut the last pages may be missing
        _check_version(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection) -> None:
    with closing(connection.execute("PRAGMA user_version")) as rows:
        (version,) = rows.fetchone()
    with closing(connection.execute("SELECT count(*) FROM sqlite_master")) as rows:
        (tables,) = rows.fetchone()
    if not tables and not version:
        connection.executescript(_TABLES.format(version=VERSION))
    elif version != VERSION:
        msg = f"it has version {version}, not {VERSION}"
        raise UnusableError(msg)


def is_damage(error: Exception) -> bool:
    """Return whether the database itself is to blame, and not a lock or a full disk."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _DAMAGE  # the rest is the extended code


def move_aside(path: Path) -> None:
    """Rename the database, in the place of one that was moved aside before. Raises `OSError`."""
    path.replace(path.with_name(f"{path.name}.aside"))
    for suffix in ("-wal", "-shm"):  # they would be taken for the new one's
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
