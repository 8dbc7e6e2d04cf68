"""Index pages as rows of the catalogue's database, and back.

A page is often read for some versions only. What it said of others before then stays, so that locks that pin
different versions of one project do not push each other out of the cache.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, cast

from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.cache.readings import WHOLE, Readings, dump, known_since, parse, read_anew
from cachi2ish.cache.rows import Row, from_row, knows_all, to_microseconds, to_rows
from cachi2ish.cache.schema import STALE, note_used
from cachi2ish.core.digests import Digest
from cachi2ish.core.interest import Interest
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import redact

#: (source, project): the key of a page; the source is hashed, the project normalised.
Key = tuple[str, str]

_FORGET_FILES = "DELETE FROM file WHERE page = ?"
#: Of a page that was read for some versions, only these files are new: what it said of others stays.
_FORGET_FILE = "DELETE FROM file WHERE page = ? AND filename = ?"
_NEXT_POSITION = "SELECT coalesce(max(position) + 1, 0) FROM file WHERE page = ?"
_KEEP_PAGE = (
    "INSERT INTO page (source, project, address, status, status_reason) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (source, project) DO UPDATE SET address = excluded.address, status = excluded.status,"
    " status_reason = excluded.status_reason, used = excluded.used"
)
_KEEP_FILE = "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEEP_READINGS = "UPDATE page SET readings = ? WHERE id = ?"
_KEPT = "SELECT id, address, readings FROM page WHERE source = ? AND project = ?"
_PAGE = (  # what is put in is a constant
    f"SELECT id, project, address, status, status_reason, readings, {STALE}"  # noqa: S608
    " FROM page WHERE source = ? AND project = ?"
)
_FILES = (
    "SELECT position, filename, url, digests, requires_python, yanked, yanked_reason, size, upload_time"
    " FROM file WHERE page = ?"
)
_FILES_ASKED = _FILES.replace(" FROM", ", asked FROM") + " AND asked IS NOT NULL"
_IN_ORDER = " ORDER BY position"

_USED = "UPDATE page SET used = strftime('%s', 'now') WHERE id = ?"


def remember(connection: sqlite3.Connection, source: str, page: Page, versions: Collection[str]) -> None:
    """Keep a page that was read for ``versions`` (empty for all) in the place of what was known of them."""
    rows = list(to_rows(page.files))
    key = (source, page.project)
    asked = None if page.asked is None else to_microseconds(page.asked)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        before = _one(connection, _KEPT, key)
        connection.execute(_KEEP_PAGE, (*key, redact(page.index), page.status, page.status_reason))
        number, address, _ = _one(connection, _KEPT, key)
        readings = {} if before is None else parse(before[2])
        if page.partial and before is not None and before[1] == address:
            connection.executemany(_FORGET_FILE, ((number, filename) for _, filename, *_ in rows))
        else:
            # Where another index answers by now, what the one before it said is not to be taken for its word.
            connection.execute(_FORGET_FILES, (number,))
            readings = {}
        (start,) = _one(connection, _NEXT_POSITION, (number,))
        connection.executemany(_KEEP_FILE, ((number, start + position, *row, asked) for position, *row in rows))
        if versions or not page.partial:
            whole = asked if len(rows) == len(page.files) else None
            readings = read_anew(readings, versions if page.partial else (), whole)
        connection.execute(_KEEP_READINGS, (dump(readings), number))


def recall(connection: sqlite3.Connection, key: Key, digests: Collection[Digest]) -> Page | None:
    """Return the page if a file is known for each of ``digests``."""
    with connection:
        connection.execute("BEGIN")  # page and files of one moment
        stated = _one(connection, _PAGE, key)
        if stated is None:
            return None
        rows = _all(connection, _FILES + _IN_ORDER, (stated[0],))
    if not knows_all(rows, digests):
        return None
    return _page(connection, stated, rows, partial=True)  # it may have been read for some versions only


def latest(
    connection: sqlite3.Connection, key: Key, versions: Collection[str], since: int | None
) -> tuple[Page, int] | None:
    """Return the page as it was last read for ``versions`` (empty for all), and when that was, or None.

    since: the earliest instant that will do, None for any. Instants in microseconds since 1970, UTC.
    """
    with connection:
        connection.execute("BEGIN")
        stated = _one(connection, _PAGE, key)
        known = None if stated is None else known_since(parse(stated[5]), versions)
        asked = min(known.values()) if known else None
        if known is None or asked is None or (since is not None and asked < since):
            return None
        rows = _all(connection, _FILES_ASKED + _IN_ORDER, (stated[0],))
    listed = tuple(_still_listed(canonicalize_name(stated[1]), rows, known))
    return _page(connection, stated, listed, partial=bool(versions)), asked


def _still_listed(project: NormalizedName, rows: Iterable[Sequence[Any]], known: Readings) -> Iterator[Row]:
    """Yield the files that the last reading of their version has seen: others have gone from the index since."""
    readings = [(None if one == WHOLE else Interest(project, [one]), asked) for one, asked in known.items()]
    for *row, asked in rows:
        if any(asked >= read and (meant is None or meant.means(row[1])) for meant, read in readings):
            yield cast("Row", tuple(row))


def _page(connection: sqlite3.Connection, stated: Sequence[Any], rows: Iterable[Row], *, partial: bool) -> Page:
    number, project, address, status, status_reason, _, stale = stated
    if stale:
        note_used(connection, _USED, number)
    return Page(
        project=canonicalize_name(project),
        index=address,
        files=tuple(map(from_row, rows)),
        partial=partial,
        status=status,
        status_reason=status_reason,
    )


def _one(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> Any:  # noqa: ANN401  (a row)
    with closing(connection.execute(query, values)) as found:
        return found.fetchone()


def _all(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> list[Any]:
    with closing(connection.execute(query, values)) as found:
        return found.fetchall()
