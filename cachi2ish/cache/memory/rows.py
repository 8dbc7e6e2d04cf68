"""The rows of the catalogue: written with a signature, and read where it is our own."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.cache.interface import KeptPage
from cachi2ish.cache.memory.page_format import digest_of, dump, is_whole, load_from
from cachi2ish.cache.memory.schema import STALE, from_microseconds, note_used, to_microseconds
from cachi2ish.cache.memory.signing import Fact, ForgedError, Signer
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import redact

#: The redacted address of an index, and a project.
PageKey = tuple[str, NormalizedName]

_FACTS = "address, project, fetched_at, etag, complete, digest"
_WHICH = " WHERE address = ? AND project = ? AND signer = ?"
_HEAD = f"SELECT mac, {_FACTS} FROM page{_WHICH}"  # noqa: S608  (what is put in is a constant, here and below)
_PAGE = (
    f"SELECT mac, {_FACTS}, id, typeof(content), {STALE} FROM page LEFT JOIN body ON body.page = page.id{_WHICH}"  # noqa: S608
)
_KEEP_PAGE = (
    f"INSERT INTO page ({_FACTS}, signer, mac) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (address, project, signer) DO UPDATE SET fetched_at = excluded.fetched_at, etag = excluded.etag,"
    " complete = excluded.complete, digest = excluded.digest, mac = excluded.mac, used = excluded.used"
)
_OF_PAGE = f"(SELECT id FROM page{_WHICH})"  # noqa: S608
_KEEP_BODY = f"INSERT OR REPLACE INTO body (page, content) VALUES ({_OF_PAGE}, ?)"  # noqa: S608
_FORGET_BODY = f"DELETE FROM body WHERE page = {_OF_PAGE}"  # noqa: S608
_CONFIRM = f"UPDATE page SET fetched_at = ?, mac = ?{_WHICH} AND mac = ?"  # noqa: S608
_RECOLLECTION = f"SELECT value, mac, {STALE} FROM recollection WHERE key = ? AND signer = ?"  # noqa: S608
_PUT = "INSERT OR REPLACE INTO recollection (key, signer, value, mac) VALUES (?, ?, ?, ?)"

_USED_PAGE = "UPDATE page SET used = strftime('%s', 'now') WHERE id = ?"
_USED_RECOLLECTION = "UPDATE recollection SET used = strftime('%s', 'now') WHERE key = ?"

_PAGES_OF = f"SELECT mac, {_FACTS}, content FROM page LEFT JOIN body ON body.page = page.id WHERE signer = ?"  # noqa: S608
_RECOLLECTIONS_OF = "SELECT mac, key, value FROM recollection WHERE signer = ?"

#: The digest of no body: the index has no such project.
_NOTHING = b""

#: What can be sent back as it came (RFC 9110, 8.8.3, and what is not quoted, as some servers have it).
_ETAG = r"[!-~\x80-\xff][ -~\x80-\xff]{0,1022}"


class _Row(Struct, frozen=True):
    """What we have written of a page beside its body. facts: what the signature is of. stale: to be noted as used.

    body: whether there is one, at ``number``.
    """

    mac: bytes
    facts: tuple[Fact, ...]
    number: int
    body: bool
    stale: bool


class Rows:
    """The rows of a database that bear the name of ``signer``. One thread at a time.

    What reads one raises `ForgedError`, and what reading its body raises.
    """

    def __init__(self, connection: sqlite3.Connection, signer: Signer) -> None:
        self._connection = connection
        self._signer = signer

    def page(self, key: PageKey, versions: Collection[str]) -> KeptPage | None:
        """Return what is kept under ``key``, with the files of ``versions``."""
        found = self._found(key, versions)
        return None if found is None else found[1]

    def confirm_page(self, key: PageKey, fetched_at: datetime) -> Page | None:
        """Return the page that is kept, and keep it as still the same at ``fetched_at``."""
        found = self._found(key, ())
        if found is None or found[1].page is None:
            return None
        row, page = found[0], found[1].page
        instant = to_microseconds(fetched_at)
        mac = self._signer.sign("page", *key, instant, *row.facts[4:])
        with suppress(sqlite3.OperationalError):  # read-only or busy: the page is none the worse for it
            # Unless somebody has meanwhile kept another page there.
            self._connection.execute(_CONFIRM, (instant, mac, *key, self._signer.name, row.mac)).close()
        return replace(page, fetched_at=fetched_at)

    def etag(self, key: PageKey) -> str | None:
        """Return the ETag of the page that is kept whole, or None."""
        found = self._one(_HEAD, (*key, self._signer.name))
        if found is None:
            return None
        self._check(found[0], "page", *found[1:])
        return found[4] or None

    def keep_page(self, page: Page, etag: str, versions: Collection[str]) -> bool:
        """Keep a page in the place of what was there; return whether all of it is kept.

        versions: those that are quick to read.
        """
        if page.fetched_at is None:
            msg = "a page is kept as of an instant"
            raise TypeError(msg)
        content, complete = dump(page, versions)
        etag = etag if complete and re.fullmatch(_ETAG, etag) else ""
        self._write((redact(page.index), page.project), page.fetched_at, etag, content, complete=complete)
        return complete

    def keep_absence(self, key: PageKey, fetched_at: datetime, *, certain: bool) -> None:
        """Keep that the index has no such project, or (not ``certain``) does not show whether it has one."""
        self._write(key, fetched_at, "", None, complete=certain)

    def recollection(self, key: str) -> str | None:
        """Return what is kept under ``key``."""
        found = self._one(_RECOLLECTION, (key, self._signer.name))
        if found is None:
            return None
        value, mac, stale = found
        self._check(mac, "recollection", key, value)
        if stale:
            note_used(self._connection, _USED_RECOLLECTION, key)
        return str(value)

    def keep_recollection(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``, in the place of what was there."""
        mac = self._signer.sign("recollection", key, value)
        with self._connection:
            self._connection.execute(_PUT, (key, self._signer.name, value, mac))

    def forged(self) -> Iterator[str]:
        """Yield each row that is not as we have written it, in words. Reads all of them."""
        for mac, *facts, content in self._all(_PAGES_OF):
            if not self._signer.has_signed(mac, "page", *facts) or not _is_proved(content, facts[-1]):
                yield f"page of {facts[1]} at {facts[0]}"
        for mac, key, value in self._all(_RECOLLECTIONS_OF):
            if not self._signer.has_signed(mac, "recollection", key, value):
                yield f"recollection {str(key).partition(chr(10))[0]}"

    def _found(self, key: PageKey, versions: Collection[str]) -> tuple[_Row, KeptPage] | None:
        self._connection.execute("BEGIN")  # the row and its body as of one instant
        try:
            row = self._row(key)
            kept = None if row is None else self._kept(row, key, versions)
        finally:
            if self._connection.in_transaction:  # an error may have ended it
                self._connection.execute("COMMIT")
        if row is None or kept is None:
            return None
        if row.stale:
            note_used(self._connection, _USED_PAGE, row.number)
        return row, kept

    def _row(self, key: PageKey) -> _Row | None:
        found = self._one(_PAGE, (*key, self._signer.name))
        if found is None:
            return None
        mac, *facts, number, kind, stale = found
        self._check(mac, "page", *facts)
        has_body = facts[-1] != _NOTHING
        if kind != ("blob" if has_body else "null"):
            raise ForgedError
        return _Row(mac, ("page", *facts), number, has_body, bool(stale))

    def _kept(self, row: _Row, key: PageKey, versions: Collection[str]) -> KeptPage:
        _, _, _, fetched_at, _, complete, digest = row.facts
        instant = from_microseconds(fetched_at)  # type: ignore[arg-type]  # signed: it is as `_write` has it
        page = None
        if row.body:
            with self._connection.blobopen("body", "content", row.number, readonly=True) as content:
                page = load_from(content, digest, *key, instant, versions)  # type: ignore[arg-type]  # signed
        return KeptPage(page=page, fetched_at=instant, complete=bool(complete))

    def _write(
        self, key: PageKey, fetched_at: datetime, etag: str, content: bytes | None, *, complete: bool
    ) -> None:
        digest = _NOTHING if content is None else digest_of(content)
        # SQLite gives a truth back as a number
        facts = (*key, to_microseconds(fetched_at), etag, int(complete), digest)
        name = self._signer.name
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(_KEEP_PAGE, (*facts, name, self._signer.sign("page", *facts)))
            if content is None:
                self._connection.execute(_FORGET_BODY, (*key, name))
            else:
                self._connection.execute(_KEEP_BODY, (*key, name, content))

    def _check(self, mac: object, *facts: Fact) -> None:
        if not self._signer.has_signed(mac, *facts):
            raise ForgedError

    def _one(self, query: str, values: Sequence[object]) -> Any:  # noqa: ANN401  (a row)
        with closing(self._connection.execute(query, values)) as found:
            return found.fetchone()

    def _all(self, query: str) -> Iterator[Any]:
        with closing(self._connection.execute(query, (self._signer.name,))) as found:
            yield from found


def _is_proved(content: object, digest: object) -> bool:
    if content is None:
        return digest == _NOTHING
    return isinstance(content, bytes) and digest_of(content) == digest and is_whole(content)
