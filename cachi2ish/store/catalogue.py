"""What index pages said, kept so that a second run of the same lock asks nothing.

It is a memory and no authority: what it cannot tell is asked of the index again, and what cannot be written
to it is forgotten. So once it is open, it fails no run: it leaves a note in the log.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import zlib
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Self, TypeVar

from packaging.utils import canonicalize_name

from cachi2ish.core.addresses import redact
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.errors import StorageError
from cachi2ish.store.failures import CACHE_OPTION, cache_errors, storage_errors
from cachi2ish.store.locks import locked
from cachi2ish.store.rows import body_may_be_kept, from_row, knows_all, to_rows
from cachi2ish.store.schema import UnusableError, is_damage, move_aside, open_database

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_FORGET_FILES = "DELETE FROM file WHERE page IN (SELECT id FROM page WHERE source = ? AND project = ?)"
_FORGET_PAGE = "DELETE FROM page WHERE source = ? AND project = ?"
_KEEP_PAGE = (
    "INSERT INTO page (source, project, address, versions, status, status_reason) VALUES (?, ?, ?, ?, ?, ?)"
)
_KEEP_FILE = "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PAGE = "SELECT id, project, address, versions, status, status_reason FROM page WHERE source = ? AND project = ?"
_FILES = (
    "SELECT position, filename, url, digests, requires_python, yanked, yanked_reason, size, upload_time"
    " FROM file WHERE page = ? ORDER BY position"
)
_USED = "UPDATE page SET used = strftime('%s', 'now') WHERE id = ? AND used < strftime('%s', 'now') - ?"

#: Seconds between two notes of when a page was used: recalling is reading, and is to stay it.
_USED_EVERY = 86_400


class SqliteCatalogue:
    """A database file; implements `Catalogue` and `Recollection` of `cachi2ish.store.interface`.

    Many threads and processes may share it. To be closed; it is its own context manager.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the database at ``path``. A damaged or foreign one is moved aside, with a warning logged.

        Raises `StorageError` where there can be no file.
        """
        self._path = path.absolute()
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
        return self._attempt(lambda connection: _recall(connection, key, digests), None)

    def remember(self, source: str, page: Page) -> None:
        """Keep the files of a page in the place of what ``source`` said before; never a credential."""
        self._attempt(lambda connection: _remember(connection, _key(source), page), None)

    def get_validated(self, url: str) -> tuple[str, str, bytes] | None:
        """Return (ETag, content type, body) of the page kept for ``url``, or None."""
        return self._attempt(lambda connection: _get_validated(connection, redact(url)), None)

    def put_validated(self, url: str, etag: str, content_type: str, body: bytes) -> None:
        """Keep a page body with its validator, unless the body shows a credential."""
        if body_may_be_kept(body):
            row = (redact(url), etag, content_type, zlib.compress(body, 1))
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
        with storage_errors(cache_errors(self._path.parent), CACHE_OPTION):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that begin at once would both switch to WAL, or both move the file aside.
            with locked(self._path.with_name(f"{self._path.name}.lock")):
                return self._open_alone(because)

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


def _remember(connection: sqlite3.Connection, source: str, page: Page) -> None:
    rows = list(to_rows(page.files))
    versions = None if page.versions is None else json.dumps(page.versions)
    key = (source, page.project)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_FORGET_FILES, key)
        connection.execute(_FORGET_PAGE, key)
        inserted = connection.execute(
            _KEEP_PAGE, (*key, redact(page.index), versions, page.status, page.status_reason)
        )
        connection.executemany(_KEEP_FILE, ((inserted.lastrowid, *row) for row in rows))


def _recall(connection: sqlite3.Connection, key: tuple[str, str], digests: Collection[Digest]) -> Page | None:
    with connection:
        connection.execute("BEGIN")  # page and files of one moment
        with closing(connection.execute(_PAGE, key)) as found:
            page = found.fetchone()
        if page is None:
            return None
        number, project, address, versions, status, status_reason = page
        with closing(connection.execute(_FILES, (number,))) as found:
            rows = found.fetchall()
    if not knows_all(rows, digests):
        return None
    connection.execute(_USED, (number, _USED_EVERY))
    return Page(
        project=canonicalize_name(project),
        index=address,
        files=tuple(map(from_row, rows)),
        versions=None if versions is None else tuple(json.loads(versions)),
        status=status,
        status_reason=status_reason,
    )


def _get_validated(connection: sqlite3.Connection, url: str) -> tuple[str, str, bytes] | None:
    with closing(
        connection.execute("SELECT etag, content_type, body FROM validated WHERE url=?", (url,))
    ) as found:
        row = found.fetchone()
    return None if row is None else (row[0], row[1], zlib.decompress(row[2]))


def _put_validated(connection: sqlite3.Connection, row: tuple[str, str, str, bytes]) -> None:
    connection.execute("REPLACE INTO validated (url, etag, content_type, body) VALUES (?, ?, ?, ?)", row)


def _get(connection: sqlite3.Connection, key: str) -> str | None:
    with closing(connection.execute("SELECT value FROM recollection WHERE key = ?", (key,))) as found:
        row = found.fetchone()
    return None if row is None else str(row[0])


def _put(connection: sqlite3.Connection, key: str, value: str) -> None:
    with connection:
        connection.execute("INSERT OR REPLACE INTO recollection (key, value) VALUES (?, ?)", (key, value))
