"""The cache: rows and page bodies of the catalogue, the database itself, and the folders of files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from msgspec import DecodeError
from packaging.utils import canonicalize_name

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cache.memory.page_format import dump, load
from cachi2ish.core.cache_contents import Flaw
from cachi2ish.core.digests import Digest
from cachi2ish.errors import Cachi2ishError
from tests.cache.pages import INDEX, SDIST, WHEEL, T, page_of
from tests.cache.support import digest_of, keep, names
from tests.fuzz.campaign import fuzzed
from tests.fuzz.mutating import bytes_like

PAGE = page_of(SDIST, WHEEL)
THING = canonicalize_name("thing")
BODIES = (dump(PAGE)[0], dump(page_of())[0])


@fuzzed(content=bytes_like(BODIES), versions=st.sampled_from([(), ("1.0",), ("1.0", "x"), ("===1",)]))
def test_page_body(content: bytes, versions: Sequence[str]) -> None:
    try:
        page = load(content, INDEX, THING, T, versions)
    except (DecodeError, ValueError, OverflowError):  # what the catalogue takes for damage
        return
    written, complete = dump(page)
    if complete and not versions:
        assert load(written, INDEX, THING, T) == page


def _database() -> tuple[bytes, bytes]:
    with TemporaryDirectory() as folder:
        place = Path(folder, "catalogue.sqlite")
        with SqliteCatalogue(place) as catalogue:
            catalogue.keep_page(PAGE, '"etag"')
            catalogue.keep_absence(INDEX, "gone", T)
            catalogue.put("key", "value")
        return place.read_bytes(), place.with_suffix(".key").read_bytes()


DATABASE, KEY = _database()
VALUES = st.sampled_from(
    [
        *(None, 0, -1, 2**63 - 1, -(2**63), 1.5, float("inf"), "", "value", "\0", "x\r\ny", "a" * 100_000),
        *(b"", b"\xff", b"\x95", *BODIES, "\ud7ff", "9" * 400, INDEX, "thing"),
    ]
)
#: Statements of somebody who may write to the file. The last ones change what the tables are.
STATEMENTS = st.sampled_from(
    [
        *(
            "UPDATE page SET fetched_at = ?",
            "UPDATE page SET etag = ?",
            "UPDATE page SET complete = ?",
            "UPDATE page SET used = ?",
        ),
        *(
            "UPDATE page SET mac = ?",
            "UPDATE page SET digest = ?",
            "UPDATE page SET project = ?",
            "UPDATE page SET address = ?",
            "UPDATE page SET id = ?",
            "DELETE FROM body WHERE content <> ?",
        ),
        *(
            "UPDATE OR REPLACE body SET page = ?",
            "UPDATE body SET content = ?",
            "UPDATE recollection SET value = ?",
        ),
        *("UPDATE recollection SET key = ?", "UPDATE recollection SET used = ?", "DELETE FROM page WHERE id <> ?"),
        "CREATE VIEW IF NOT EXISTS other AS SELECT 1",
        "DROP TABLE body",
        "ALTER TABLE page RENAME COLUMN etag TO tag",
        "DROP TABLE recollection",
        "CREATE TRIGGER IF NOT EXISTS t AFTER UPDATE ON page BEGIN DELETE FROM body; END",
        "PRAGMA user_version = 4",
        "PRAGMA journal_mode = DELETE",
    ]
)


def use(room: Path) -> None:
    """Ask a catalogue for everything, and write to it, as runs do of the user whose it is."""
    (room / "catalogue.key").write_bytes(KEY)
    (room / "catalogue.key").chmod(0o600)
    for read_only in (True, False):
        with SqliteCatalogue(room / "catalogue.sqlite", read_only=read_only) as catalogue:
            for versions in ((), ("1.0",)):
                kept = catalogue.kept_page(INDEX, "thing", versions)
                assert kept is None or kept.fetched_at.tzinfo is UTC
            etag = catalogue.etag(INDEX, "thing")
            assert etag is None or isinstance(etag, str)
            catalogue.confirmed_page(INDEX, "thing", T)
            value = catalogue.get("key")
            assert value is None or isinstance(value, str)
            catalogue.put("key", "other")
            catalogue.keep_page(PAGE)
    look_after(room)


def look_after(cache: Path) -> None:
    """Do what the commands of a cache do."""
    housekeeping = DiskHousekeeping(cache, cache / "catalogue.sqlite")
    work: list[Callable[[], object]] = [
        housekeeping.contents,
        lambda: housekeeping.verify(lambda _: None, repair=False),
        lambda: prune(housekeeping),
    ]
    for one in work:
        with suppress(Cachi2ishError):
            one()
    with suppress(Cachi2ishError):
        housekeeping.verify(lambda _: None, repair=True)
        wrong = {finding.flaw for finding in housekeeping.verify(lambda _: None, repair=False)}
        # What belongs to somebody else, what nobody may touch, and folders stay; and a link to what was removed.
        assert wrong <= {Flaw.STRAY, Flaw.OBSTACLE, Flaw.UNREADABLE, Flaw.DANGLING}, wrong


def prune(housekeeping: DiskHousekeeping) -> None:
    pruning = housekeeping.pruning(pretend=False)
    pruning.names()
    for entry in pruning.entries:
        if not pruning.spares(entry):
            pruning.remove(entry)
    pruning.remove_dangling_links()
    pruning.forget(datetime(2100, 1, 1, tzinfo=UTC))
    pruning.shrink_catalogue()
    pruning.other_size()


@fuzzed(changes=st.lists(st.tuples(STATEMENTS, VALUES), max_size=6))
def test_catalogue_rows(changes: list[tuple[str, Any]], room: Path) -> None:
    place = room / "catalogue.sqlite"
    place.write_bytes(DATABASE)
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        for statement, value in changes:
            with suppress(sqlite3.Error, OverflowError, UnicodeError):
                connection.execute(statement, (value,) if "?" in statement else ())
    use(room)


@fuzzed(
    content=bytes_like([DATABASE, b"SQLite format 3\0" + bytes(4080)]), wal=st.none() | bytes_like([DATABASE[:64]])
)
def test_catalogue_file(content: bytes, wal: bytes | None, room: Path) -> None:
    (room / "catalogue.sqlite").write_bytes(content)
    if wal is not None:
        (room / "catalogue.sqlite-wal").write_bytes(wal)
    use(room)


#: What somebody may have put into the place of a file or folder of the cache.
KINDS = st.sampled_from(["file", "folder", "pipe", "link", "dangling", "loop", "outside", "nothing", "unreadable"])
CONTENT = b"content"
SHA256, SHA512 = digest_of(CONTENT), digest_of(CONTENT, "sha512")
PLACES = st.sampled_from(
    [
        *(
            "blobs",
            "partial",
            "running",
            "blobs/sha256",
            "blobs/.lock",
            "blobs/.readers",
            "CACHEDIR.TAG",
            "catalogue.sqlite",
        ),
        *("catalogue.key", f"catalogue-{os.geteuid()}.key"),
        *(
            "catalogue.sqlite.lock",
            "catalogue.sqlite.aside",
            "catalogue.sqlite-wal",
            "blobs/sha256/zz",
            "blobs/md5",
            "x",
        ),
        *(f"blobs/{one.algorithm}/{one.value[:2]}/{one.value[2:]}" for one in (SHA256, SHA512)),
        *(f"blobs/{one.algorithm}/{one.value[:2]}" for one in (SHA256, SHA512)),
        *("partial/" + "a" * 64, "partial/" + "a" * 64 + ".b.tmp", "running/abc", "blobs/sha256/ab/" + "c" * 62),
        *(
            "blobs/sha512/ab/" + "c" * 126,
            "blobs/sha256/ab/short",
            "blobs/shake_128/ab/cdef0123",
            "partial/sub/folder",
        ),
    ]
)


@fuzzed(
    content=bytes_like([CONTENT]),
    changes=st.lists(st.tuples(PLACES, KINDS), max_size=5),
    digests=st.lists(
        st.sampled_from([SHA256, SHA512, Digest("md5", "0" * 32), Digest("sha256", "ab" + "c" * 62)]), max_size=3
    ),
)
def test_files_of_a_cache(
    content: bytes, changes: list[tuple[str, str]], digests: list[Digest], room: Path
) -> None:
    cache, outside = room / "cache", room / "outside"
    keep(DiskBlobs(cache), CONTENT, "sha512")
    outside.mkdir()
    (outside / "precious").write_bytes(b"precious")
    for place, kind in changes:
        with suppress(OSError):
            put(cache / place, kind, content, outside)
    before = names(outside)  # a change may be made through the link of an earlier one
    with suppress(Cachi2ishError):
        blobs = DiskBlobs(cache)
        found = blobs.find(digests)
        if found is not None:
            assert digest_of(found.path.read_bytes()) == Digest("sha256", found.sha256)
        with blobs.writer("a key", ["sha512"]) as writer:
            writer.write(b"more")
            assert writer.commit().path.is_file()
        blobs.discard("a key")
    with suppress(Cachi2ishError), SqliteCatalogue(cache / "catalogue.sqlite") as catalogue:
        catalogue.put("key", "value")
        assert catalogue.get("key") in {"value", None}
    look_after(cache)
    assert (outside / "precious").read_bytes() == b"precious"
    assert names(outside) == before


def put(place: Path, kind: str, content: bytes, outside: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        place.rename(place.with_name(f"{place.name} before"))
    else:
        place.unlink(missing_ok=True)
    match kind:
        case "file" | "unreadable":
            place.write_bytes(content)
            if kind == "unreadable":
                place.chmod(0)
        case "folder":
            (place / "sub").mkdir(parents=True)
            (place / "sub/file").write_bytes(content)
        case "pipe":
            os.mkfifo(place)
        case "link":
            place.symlink_to(outside / "precious")
        case "outside":
            place.symlink_to(outside)
        case "dangling":
            place.symlink_to(outside / "made")
        case "loop":
            place.symlink_to(place.name)
        case _:
            pass
