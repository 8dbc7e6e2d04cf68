"""What index pages said, kept so that a second run of the same lock asks nothing.

It is a memory and no authority: what it cannot tell is asked of the index again, and what cannot be written
to it is forgotten. So once it is open, it fails no run: it leaves a note in the log.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import zlib
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from packaging.utils import canonicalize_name

from cachi2ish.cache.kept_pages import latest, recall, remember
from cachi2ish.cache.rows import body_may_be_kept, from_microseconds, to_microseconds
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
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import redact
from cachi2ish.errors import StorageError
from cachi2ish.files.locks import locked
from cachi2ish.files.os_errors import CACHE_OPTION, FORBIDDEN, cache_errors, storage_errors

_GZIP = 31  # zlib's name for a gzip header, with the largest window

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_VALIDATED = f"SELECT etag, content_type, body, {STALE} FROM validated WHERE url = ?"  # noqa: S608
_RECOLLECTION = f"SELECT value, {STALE} FROM recollection WHERE key = ?"  # noqa: S608

_USED_VALIDATED = "UPDATE validated SET used = strftime('%s', 'now') WHERE url = ?"
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

    def recall(self, source: str, project: str, digests: Collection[Digest]) -> Page | None:
        """Return what ``source`` stated about ``project`` if a file is known for each of ``digests``.

        None where no digest is named: then nothing tells whether the index has more by now.
        """
        if not digests:
            return None
        key = (_key(source), str(canonicalize_name(project)))
        return self._attempt(lambda connection: recall(connection, key, digests), None)

    def latest(
        self, source: str, project: str, versions: Collection[str] = (), since: datetime | None = None
    ) -> Page | None:
        """Return what ``source`` last stated of ``versions`` (empty for all), with `Page.asked`.

        None where not all of it is kept, or the index was not asked at ``since`` (aware) or later.
        """
        key = (_key(source), str(canonicalize_name(project)))
        oldest = None if since is None else to_microseconds(since)
        found = self._attempt(lambda connection: latest(connection, key, versions, oldest), None)
        return found and replace(found[0], asked=from_microseconds(found[1]))

    def remember(self, source: str, page: Page, versions: Collection[str] = ()) -> None:
        """Keep the files of a page in the place of what ``source`` said of them before; never a credential."""
        self._attempt(lambda connection: remember(connection, _key(source), page, versions), None)

    def get_validated(self, url: str) -> tuple[str, str, bytes] | None:
        """Return (ETag, content type, body) of the page kept for ``url``, or None."""
        return self._attempt(lambda connection: _get_validated(connection, redact(url)), None)

    def put_validated(
        self, url: str, etag: str, content_type: str, body: bytes, gzipped: bytes | None = None
    ) -> None:
        """Keep a page body with its validator, unless the body shows a credential."""
        if body_may_be_kept(body):
            row = (redact(url), etag, content_type, gzipped or zlib.compress(body, 1, _GZIP))
            self._attempt(lambda connection: _put_validated(connection, row), None)

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
            except (sqlite3.Error, ValueError, OverflowError, zlib.error) as error:
                if is_damage(error):
                    self._connection.close()
                    self._connection = self._open(because=error)
                else:
                    _log.info("The catalogue %s could not be used: %s", self._path, error)
                return otherwise

    def _open(self, because: Exception | None = None) -> sqlite3.Connection:
        if self._read_only:
            return self._open_to_read(because)
        with storage_errors(cache_errors(self._path.parent), CACHE_OPTION):
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
            hint=f"check rights and free space there, or choose another place with {CACHE_OPTION}",
        )


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _key(source: str) -> str:
    # The key is made of addresses; hashed, nothing in them can be read by anybody.
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _get_validated(connection: sqlite3.Connection, url: str) -> tuple[str, str, bytes] | None:
    with closing(connection.execute(_VALIDATED, (url,))) as found:
        row = found.fetchone()
    if row is None:
        return None
    if row[3]:
        note_used(connection, _USED_VALIDATED, url)
    return row[0], row[1], zlib.decompress(row[2], _GZIP)


def _put_validated(connection: sqlite3.Connection, row: tuple[str, str, str, bytes]) -> None:
    connection.execute("REPLACE INTO validated (url, etag, content_type, body) VALUES (?, ?, ?, ?)", row)


def _get(connection: sqlite3.Connection, key: str) -> str | None:
    with closing(connection.execute(_RECOLLECTION, (key,))) as found:
        row = found.fetchone()
    if row is None:
        return None
    if row[1]:
        note_used(connection, _USED_RECOLLECTION, key)
    return str(row[0])


def _put(connection: sqlite3.Connection, key: str, value: str) -> None:
    with connection:
        connection.execute("INSERT OR REPLACE INTO recollection (key, value) VALUES (?, ?)", (key, value))
