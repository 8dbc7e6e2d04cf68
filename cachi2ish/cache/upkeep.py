"""Housekeeping of the catalogue's database: what is in it, whether it is whole, and making it smaller."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from stat import S_IFREG

from msgspec import MsgspecError

from cachi2ish.cache.memory.page_format import load
from cachi2ish.cache.memory.rows import Rows
from cachi2ish.cache.memory.schema import (
    USED_EVERY,
    NotOursError,
    UnusableError,
    beside,
    from_microseconds,
    is_damage,
    lock_of,
    move_aside,
    open_existing,
    open_to_read,
)
from cachi2ish.cache.memory.signing import Signer, signer_of
from cachi2ish.core.cache_contents import CatalogueContents, Finding, Flaw
from cachi2ish.core.pages import IndexFile
from cachi2ish.errors import UnavailableError
from cachi2ish.files.locks import locked
from cachi2ish.files.user_files import kind_of

_NO_FILE = "it is no regular file"

#: How many forged rows are named.
_LISTED = 3

_COUNT = """\
SELECT
    (SELECT count(*) FROM page), (SELECT count(*) FROM recollection),
    min(CAST(used AS INTEGER)), max(CAST(used AS INTEGER))
FROM (SELECT used FROM page UNION ALL SELECT used FROM recollection)
"""
_COUNT_OLD = """\
SELECT (SELECT count(*) FROM page WHERE used < :before) + (SELECT count(*) FROM recollection WHERE used < :before)
"""
_FORGET = (
    "DELETE FROM body WHERE page IN (SELECT id FROM page WHERE used < :before)",
    "DELETE FROM page WHERE used < :before",
    "DELETE FROM recollection WHERE used < :before",
)
_BODIES = "SELECT address, project, fetched_at, content FROM page JOIN body ON body.page = page.id"


class Upkeep:
    """Looks after the database at ``path``, which need not be there, beside any number of its users."""

    def __init__(self, path: Path, signer: Signer | None = None) -> None:
        self._path = path.absolute()
        self._signer = signer

    def size(self) -> int:
        """Return how many bytes its files have. Raises `OSError`."""
        total = 0
        for file in (self._path, *beside(self._path)):
            with suppress(FileNotFoundError):
                total += file.stat().st_size
        return total

    def contents(self) -> CatalogueContents:
        """Return what it holds; a database that cannot be read is told as a problem."""
        size = self.size()
        if not self._is_there():
            return CatalogueContents(size=size)
        if not self._is_file():
            return CatalogueContents(size=size, problem=_NO_FILE)
        try:
            with closing(open_to_read(self._path)) as connection:
                pages, recollections, oldest, newest = _row(connection, _COUNT)
        except (sqlite3.Error, UnusableError) as error:
            return CatalogueContents(size=size, problem=str(error))
        return CatalogueContents(
            size=size,
            pages=pages,
            recollections=recollections,
            oldest=_instant(oldest),
            newest=_instant(newest),
        )

    def inspect(self) -> Finding | None:
        """Return what is wrong with the database, None where it is whole or not there. Reads all of it."""
        if not self._is_there():
            return None
        if not self._is_file():
            return self._finding(Flaw.CATALOGUE, _NO_FILE)
        try:
            with (
                closing(open_to_read(self._path)) as connection,
                closing(connection.execute("PRAGMA integrity_check(1)")) as found,
            ):
                answer = str(found.fetchone()[0])
                signer = self._signer or signer_of(self._path, make=False)
                changed = list(islice(Rows(connection, signer).forged(), _LISTED + 1))
        except NotOursError as error:
            return self._finding(Flaw.CATALOGUE, str(error))
        except UnusableError as error:
            return self._finding(Flaw.OUTDATED, str(error))
        except sqlite3.Error as error:
            return self._finding(Flaw.CATALOGUE, str(error))
        if answer == "ok" and changed:
            more = " and more" if len(changed) > _LISTED else ""
            answer = f"somebody has changed its {', '.join(changed[:_LISTED])}{more}"
        return None if answer == "ok" else self._finding(Flaw.CATALOGUE, answer)

    def set_aside(self) -> None:
        """Move a damaged database aside; the next fetch begins an empty one. Raises `OSError`."""
        with locked(lock_of(self._path)), suppress(FileNotFoundError):
            move_aside(self._path)

    def files(self) -> Iterator[IndexFile]:
        """Yield each file that a page lists.

        Nothing, of a database that is damaged or of another version. Raises `sqlite3.Error`.
        """
        with self._open(write=False) as connection:
            if connection is not None:
                with closing(connection.execute(_BODIES)) as found:
                    for address, project, fetched_at, content in found:
                        yield from _files(content, address, project, fetched_at)

    def forget(self, unused_since: datetime, *, pretend: bool) -> int:
        """Remove the rows not used since; return how many, or how many there are where this is ``pretend``.

        When a row was used is known to the day (`USED_EVERY`), and what is in doubt stays. A database that is
        damaged or of another version is left alone: whoever fetches next begins anew. Raises `sqlite3.Error`
        and `OSError`.
        """
        # Times before 1970 are as good as 1970.
        before = {"before": max(0, int(unused_since.timestamp()) - USED_EVERY)}
        with self._open(write=not pretend) as connection:
            if connection is None:
                return 0
            (count,) = _row(connection, _COUNT_OLD, before)
            if count and not pretend:
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    for statement in _FORGET:
                        connection.execute(statement, before)
            return int(count)

    def shrink(self) -> None:
        """Give the space of removed rows back to the disk, as far as its other users let it be done now.

        Needs space for a copy meanwhile. Raises `sqlite3.Error` and `OSError`.
        """
        with self._open(write=True) as connection:
            if connection is not None:
                (free,) = _row(connection, "PRAGMA freelist_count")
                if free:
                    connection.execute("VACUUM")
                _row(connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    def _is_there(self) -> bool:
        return os.path.lexists(self._path)  # a link that leads nowhere is in the way, too

    def _is_file(self) -> bool:
        return kind_of(self._path, follow=False) == S_IFREG

    def _finding(self, flaw: Flaw, detail: str) -> Finding:
        return Finding(flaw, self._path.name, f"cannot be used: {detail}")

    @contextmanager
    def _open(self, *, write: bool) -> Iterator[sqlite3.Connection | None]:
        if not self._is_file():
            yield None
            return
        try:
            connection = self._opened(write=write)
        except UnusableError:
            yield None
            return
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            yield None
            return
        with closing(connection):
            yield connection

    def _opened(self, *, write: bool) -> sqlite3.Connection:
        if not write:
            return open_to_read(self._path)
        with locked(lock_of(self._path)):  # nobody moves it aside while it is opened
            return open_existing(self._path, write=True)


def _row(connection: sqlite3.Connection, statement: str, values: dict[str, int] | None = None) -> tuple[int, ...]:
    with closing(connection.execute(statement, values or {})) as found:
        row: tuple[int, ...] = found.fetchone()
    return row


def _files(content: object, address: object, project: object, fetched_at: object) -> Sequence[IndexFile]:
    """Return the files of a row that anybody may have written; none where it is not as we write it."""
    try:
        return tuple(load(content, address, project, from_microseconds(fetched_at)).files)  # type: ignore[arg-type]  # as said
    except (MsgspecError, ValueError, TypeError, OverflowError, RecursionError, UnavailableError):
        return ()


def _instant(seconds: int | None) -> datetime | None:
    """Return the instant, None for one that no calendar has."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
