"""What index pages said, kept so that a second run of the same lock asks nothing.

It is a memory and no authority: what it cannot tell is asked of the index again, and what cannot be written
to it is forgotten. So once it is open, it fails no run: it leaves a note in the log.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from msgspec import MsgspecError
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.advice import Place
from cachi2ish.cache.interface import KeptPage
from cachi2ish.cache.page_format import dump, from_microseconds, load, to_microseconds
from cachi2ish.cache.schema import (
    STALE,
    UnusableError,
    is_damage,
    lock_of,
    move_aside,
    note_used,
    open_database,
    open_empty,
    open_existing,
    open_to_read,
)
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import redact
from cachi2ish.errors import StorageError
from cachi2ish.files.locks import locked
from cachi2ish.files.os_errors import FORBIDDEN, cache_errors, storage_errors

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

#: The redacted address of an index, and a project.
_PageKey = tuple[str, NormalizedName]

_ETAG = "SELECT etag FROM page WHERE address = ? AND project = ?"
_PAGE = (  # what is put in is a constant
    f"SELECT id, fetched_at, complete, content, {STALE} FROM page LEFT JOIN body ON body.page = page.id"  # noqa: S608
    " WHERE address = ? AND project = ?"
)
_KEEP_PAGE = (
    "INSERT INTO page (address, project, fetched_at, etag, complete) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (address, project) DO UPDATE SET fetched_at = excluded.fetched_at, etag = excluded.etag,"
    " complete = excluded.complete, used = excluded.used"
)
_OF_PAGE = "(SELECT id FROM page WHERE address = ? AND project = ?)"
_KEEP_BODY = f"INSERT OR REPLACE INTO body (page, content) VALUES ({_OF_PAGE}, ?)"  # noqa: S608  (a constant)
_FORGET_BODY = f"DELETE FROM body WHERE page = {_OF_PAGE}"  # noqa: S608  (a constant)
_CONFIRM = "UPDATE page SET fetched_at = ? WHERE address = ? AND project = ?"
_RECOLLECTION = f"SELECT value, {STALE} FROM recollection WHERE key = ?"  # noqa: S608

_USED_PAGE = "UPDATE page SET used = strftime('%s', 'now') WHERE id = ?"
_USED_RECOLLECTION = "UPDATE recollection SET used = strftime('%s', 'now') WHERE key = ?"


class SqliteCatalogue:
    """A database file; implements `Catalogue` and `Recollection` of `cachi2ish.cache.interface`.

    Many threads and processes may share it. To be closed; it is its own context manager.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or make the database at ``path``. A damaged or foreign one is moved aside, with a warning logged.

        One that may only be read is read, and nothing is remembered. Raises `StorageError` where there can be
        no file. read_only: to read what is there, if anything, and to change and make nothing.
        """
        self._path = path.absolute()
        self._read_only = read_only
        self._guard = threading.Lock()
        self._inode: int | None = None
        self._connection = self._open()

    def kept_page(self, index: str, project: str, versions: Collection[str] = ()) -> KeptPage | None:
        """Return what ``index`` said of ``project``, with the files of ``versions`` (empty for all), or None."""
        key = redact(index), canonicalize_name(project)
        return self._attempt(lambda connection: _kept_page(connection, key, versions), None)

    def keep_page(self, page: Page, etag: str = "") -> bool:
        """Keep a page in the place of what its index said; no credential is. Return whether all of it is kept."""
        return self._attempt(lambda connection: _keep_page(connection, page, etag), otherwise=False)

    def keep_absence(self, index: str, project: str, fetched_at: datetime) -> None:
        """Keep that ``index`` has no such project."""
        key = redact(index), canonicalize_name(project)
        self._attempt(lambda connection: _keep(connection, key, fetched_at), None)

    def etag(self, index: str, project: str) -> str | None:
        """Return the ETag of the page that is kept whole, or None."""
        key = redact(index), canonicalize_name(project)
        row = self._attempt(lambda connection: _one(connection, _ETAG, key), None)
        return (row and row[0]) or None

    def confirmed_page(self, index: str, project: str, fetched_at: datetime) -> Page | None:
        """Return the page that is kept, which is still the same at ``fetched_at``; None where it is damaged."""
        key = redact(index), canonicalize_name(project)
        instant = to_microseconds(fetched_at)
        self._attempt(lambda connection: connection.execute(_CONFIRM, (instant, *key)).close(), None)
        kept = self._attempt(lambda connection: _kept_page(connection, key, ()), None)
        return None if kept is None or kept.page is None else replace(kept.page, fetched_at=fetched_at)

    def get(self, key: str) -> str | None:
        """Return what was put under ``key``, or None."""
        return self._attempt(lambda connection: _get(connection, key), None)

    def put(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``, in the place of what was there; neither may hold a credential."""
        self._attempt(lambda connection: _put(connection, key, value), None)

    def close(self) -> None:
        """Let go of the database."""
        with self._guard:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attempt(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        with self._guard:
            try:
                return work(self._connection)
            except sqlite3.ProgrammingError:
                raise  # closed: a mistake of the caller's
            except (sqlite3.Error, MsgspecError, ValueError, OverflowError) as error:
                if is_damage(error):
                    self._connection.close()
                    self._connection = self._open(because=error)
                else:
                    _log.info("The catalogue %s could not be used: %s", self._path, error)
                return otherwise

    def _open(self, because: Exception | None = None) -> sqlite3.Connection:
        if self._read_only:
            return self._open_to_read(because)
        with storage_errors(cache_errors(self._path.parent), Place.CACHE):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # Two processes that begin at once would both switch to WAL, or both move the file aside.
                with locked(lock_of(self._path)):
                    return self._open_alone(because)
            except OSError as error:
                if error.errno not in FORBIDDEN or not self._path.parent.is_dir():
                    raise
        return self._open_to_read(because)

    def _open_to_read(self, because: Exception | None) -> sqlite3.Connection:
        if because is None:
            try:
                return open_to_read(self._path) if self._read_only else open_existing(self._path)
            except (sqlite3.Error, UnusableError) as error:
                because = error
        _log.info("The catalogue %s cannot be read, and may not be written: %s", self._path, because)
        return open_empty()

    def _open_alone(self, because: Exception | None) -> sqlite3.Connection:
        if because is None or self._inode != _inode(self._path):  # another process has begun anew already
            try:
                return self._connect()
            except UnusableError as error:
                because = error
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise self._unusable(error) from error
                because = error
        _log.warning("The catalogue %s was moved aside and begun anew: %s", self._path, because)
        move_aside(self._path)
        try:
            return self._connect()
        except (sqlite3.Error, UnusableError) as error:
            raise self._unusable(error) from error

    def _connect(self) -> sqlite3.Connection:
        connection = open_database(self._path)
        self._inode = _inode(self._path)
        return connection

    def _unusable(self, error: Exception) -> StorageError:
        return StorageError(
            f"the catalogue {self._path} cannot be opened: {error}",
            hint="check rights and free space there, or choose another place",
            place=Place.CACHE,
            cause=(Place.CACHE, self._path),
        )


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _kept_page(connection: sqlite3.Connection, key: _PageKey, versions: Collection[str]) -> KeptPage | None:
    row = _one(connection, _PAGE, key)
    if row is None:
        return None
    number, fetched_at, complete, content, stale = row
    if stale:
        note_used(connection, _USED_PAGE, number)
    instant = from_microseconds(fetched_at)
    page = None if content is None else load(content, *key, instant, versions)
    return KeptPage(page=page, fetched_at=instant, complete=bool(complete))


def _keep_page(connection: sqlite3.Connection, page: Page, etag: str) -> bool:
    if page.fetched_at is None:
        msg = "a page is kept as of an instant"
        raise TypeError(msg)
    content, complete = dump(page)
    _keep(connection, (redact(page.index), page.project), page.fetched_at, etag, content, complete=complete)
    return complete


def _keep(
    connection: sqlite3.Connection,
    key: _PageKey,
    fetched_at: datetime,
    etag: str = "",
    content: bytes | None = None,
    *,
    complete: bool = True,
) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        instant = to_microseconds(fetched_at)
        connection.execute(_KEEP_PAGE, (*key, instant, etag if complete else "", complete))
        if content is None:
            connection.execute(_FORGET_BODY, key)
        else:
            connection.execute(_KEEP_BODY, (*key, content))


def _one(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> Any:  # noqa: ANN401  (a row)
    with closing(connection.execute(query, values)) as found:
        return found.fetchone()


def _get(connection: sqlite3.Connection, key: str) -> str | None:
    row = _one(connection, _RECOLLECTION, (key,))
    if row is None:
        return None
    if row[1]:
        note_used(connection, _USED_RECOLLECTION, key)
    return str(row[0])


def _put(connection: sqlite3.Connection, key: str, value: str) -> None:
    with connection:
        connection.execute("INSERT OR REPLACE INTO recollection (key, value) VALUES (?, ?)", (key, value))
