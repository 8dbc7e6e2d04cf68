"""What index pages said, kept so that a second run of the same lock asks nothing.

It is a memory and no authority: what it cannot tell is asked of the index again, and what cannot be written
to it is forgotten. So once it is open, it fails no run: it leaves a note in the log. It is the memory of one user
(``docs/adr/0024-…``): rows that others have written are not read.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from msgspec import MsgspecError
from packaging.utils import canonicalize_name

from cachi2ish.advice import Place
from cachi2ish.cache.interface import KeptPage
from cachi2ish.cache.layout import OWN_FOLDER
from cachi2ish.cache.memory.rows import PageKey, Rows
from cachi2ish.cache.memory.schema import (
    UnusableError,
    is_damage,
    lock_of,
    move_aside,
    open_database,
    open_empty,
    open_existing,
    open_to_read,
)
from cachi2ish.cache.memory.signing import ForgedError, Signer, signer_of, why_no_key
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import redact
from cachi2ish.errors import StorageError
from cachi2ish.files.locks import locked
from cachi2ish.files.os_errors import FORBIDDEN, cache_errors, storage_errors

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class SqliteCatalogue:
    """A database file; implements `Catalogue` and `Recollection` of `cachi2ish.cache.interface`.

    Many threads and processes may share it. To be closed; it is its own context manager.
    """

    def __init__(self, path: Path, *, read_only: bool = False, signer: Signer | None = None) -> None:
        """Open or make the database at ``path``. A damaged or foreign one is moved aside, with a warning logged.

        One that may only be read is read, and nothing is remembered. Raises `StorageError` where there can be
        no file. read_only: to read what is there, if anything, and to change and make nothing.
        signer: whose rows are read and written; None for those of this user, whose key lies beside the database.
        """
        self._path = path.absolute()
        self._read_only = read_only
        self._guard = threading.Lock()
        self._inode: int | None = None
        self._forgery_noted = False
        self._given = signer
        self._signer = signer or Signer(b"")
        self._kept_pages = False
        self._writing_back: threading.Thread | None = None
        self._connection = self._open()

    def kept_page(self, index: str, project: str, versions: Collection[str] = ()) -> KeptPage | None:
        """Return what ``index`` said of ``project``, with the files of ``versions`` (empty for all), or None."""
        return self._attempt(lambda rows: rows.page(_key(index, project), versions), None)

    def keep_page(self, page: Page, etag: str = "", versions: Collection[str] = ()) -> bool:
        """Keep a page in the place of what its index said; no credential is. Return whether all of it is kept."""
        kept = self._attempt(lambda rows: rows.keep_page(page, etag, versions), otherwise=False)
        self._kept_pages = True
        return kept

    def keep_absence(self, index: str, project: str, fetched_at: datetime, *, certain: bool = True) -> None:
        """Keep that ``index`` has no such project; not ``certain``: it may have one that it does not show."""
        self._attempt(lambda rows: rows.keep_absence(_key(index, project), fetched_at, certain=certain), None)

    def etag(self, index: str, project: str) -> str | None:
        """Return the ETag of the page that is kept whole, or None."""
        return self._attempt(lambda rows: rows.etag(_key(index, project)), None)

    def confirmed_page(self, index: str, project: str, fetched_at: datetime) -> Page | None:
        """Return the page that is kept, which is still the same at ``fetched_at``; None where it is damaged."""
        return self._attempt(lambda rows: rows.confirm_page(_key(index, project), fetched_at), None)

    def get(self, key: str) -> str | None:
        """Return what was put under ``key``, or None."""
        return self._attempt(lambda rows: rows.recollection(key), None)

    def put(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``, in the place of what was there; neither may hold a credential."""
        self._attempt(lambda rows: rows.keep_recollection(key, value), None)

    def write_back(self) -> None:
        """Begin to move what was kept by now into the database itself, beside whatever else is done.

        `close` would have to, and the program to wait for the disk; it does so where no thread can be started.
        Not where no page was kept since.
        """
        if self._kept_pages and not self._read_only:
            self._kept_pages = False
            before = self._writing_back
            thread = threading.Thread(target=self._checkpoint, args=(before,), name="catalogue", daemon=True)
            with suppress(RuntimeError):
                thread.start()
                self._writing_back = thread

    def _checkpoint(self, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        # By a connection of its own: nobody who uses the other one waits (PASSIVE).
        with suppress(sqlite3.Error, UnusableError), closing(open_existing(self._path, write=True)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()

    def close(self) -> None:
        """Let go of the database."""
        if self._writing_back is not None:
            self._writing_back.join()
        with self._guard:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attempt(self, work: Callable[[Rows], _T], otherwise: _T) -> _T:
        with self._guard:
            try:
                return work(Rows(self._connection, self._signer))
            except sqlite3.ProgrammingError:
                raise  # closed: a mistake of the caller's
            except ForgedError:
                self._note_forgery()
                return otherwise
            except (sqlite3.Error, MsgspecError, ValueError, OverflowError) as error:
                if is_damage(error):
                    self._connection.close()
                    self._connection = self._open(because=error)
                else:
                    _log.info("The catalogue %s could not be used: %s", self._path, error)
                return otherwise

    def _note_forgery(self) -> None:
        if not self._forgery_noted:
            self._forgery_noted = True
            _log.warning(
                "Somebody has changed the catalogue %s: what was changed is not used. See cachi2ish cache verify.",
                self._path,
            )

    def _sign(self, *, make: bool) -> None:
        if self._given is None:
            if because := why_no_key(self._path):
                _log.warning("%s", because)
            self._signer = signer_of(self._path, make=make)

    def _open(self, because: Exception | None = None) -> sqlite3.Connection:
        if self._read_only:
            return self._open_to_read(because)
        with storage_errors(cache_errors(self._path.parent), Place.CACHE):
            try:
                self._path.parent.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
                # Two processes that begin at once would both switch to WAL, or both move the file aside.
                with locked(lock_of(self._path)):
                    self._sign(make=True)
                    return self._open_alone(because)
            except OSError as error:
                if error.errno not in FORBIDDEN or not self._path.parent.is_dir():
                    raise
        return self._open_to_read(because)

    def _open_to_read(self, because: Exception | None) -> sqlite3.Connection:
        self._sign(make=False)
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


def _key(index: str, project: str) -> PageKey:
    return redact(index), canonicalize_name(project)
