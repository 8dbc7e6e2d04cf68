"""Another user may write to the cache, and tries every table, every column and every file of it.

What is promised (``docs/explanation/caching.md``): nobody gets another file for it, nothing outside of the cache
is changed, and nothing hangs. That the cache is emptied, or of no use, is not prevented.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.interface import KeptPage
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cache.memory.schema import open_empty
from cachi2ish.cache.memory.signing import Signer, signer_of
from cachi2ish.cli.display.console import Console, Level
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.cache_contents import Flaw
from cachi2ish.errors import Cachi2ishError, StorageError
from cachi2ish.output.directories import OutputDirectories
from cachi2ish.output.interface import Outputs
from cachi2ish.services.cache_upkeep import Limits, prune, verify
from tests.cache.pages import INDEX, SDIST, WHEEL, T, index_file, page_of
from tests.cache.pages import kept as kept_page
from tests.cache.support import STRANGER, as_member, as_stranger, digest_of, keep, share, tree

CONTENT = b"a distribution" * 100
HONEST = page_of(SDIST, WHEEL)
EVIL = page_of(
    index_file("thing-1.0.tar.gz", "https://evil.example/thing-1.0.tar.gz"), fetched_at=T + timedelta(days=9)
)
LATER = T + timedelta(days=1)


@pytest.fixture
def cache() -> Iterator[Path]:
    """A cache with a file, pages and facts of ours, and a page of somebody else's."""
    with TemporaryDirectory(prefix="cachi2ish-shared-") as public:  # nobody else comes to `tmp_path`
        Path(public).chmod(0o755)
        yield filled(Path(public) / "cache")


def filled(directory: Path) -> Path:
    directory.mkdir()
    store = DiskBlobs(directory)
    keep(store, CONTENT, "sha512")
    with store.writer("url", []) as writer:
        writer.write(b"half")
    del store
    with SqliteCatalogue(directory / "catalogue.sqlite") as catalogue:
        fill(catalogue)
    with SqliteCatalogue(directory / "catalogue.sqlite", signer=Signer(b"of the stranger")) as catalogue:
        catalogue.keep_page(EVIL, '"evil"')
        catalogue.put("fact", "evil")
    share(directory)
    return directory


def fill(catalogue: SqliteCatalogue) -> None:
    catalogue.keep_page(HONEST, '"honest"')
    catalogue.keep_page(page_of(WHEEL, project="other"), '"other"')
    catalogue.keep_absence(INDEX, "absent", T)
    catalogue.put("fact", "honest")
    catalogue.put("other fact", "other")


def assert_honest(catalogue: SqliteCatalogue) -> None:
    """What is known of anything is what we have been told, or nothing is."""
    assert catalogue.kept_page(INDEX, "thing") in (None, KeptPage(page=HONEST, fetched_at=T))
    assert catalogue.kept_page(INDEX, "absent") in (None, KeptPage(page=None, fetched_at=T))
    assert catalogue.etag(INDEX, "thing") in (None, '"honest"')
    assert catalogue.get("fact") in (None, "honest")
    assert catalogue.confirmed_page(INDEX, "thing", LATER) in (None, replace(HONEST, fetched_at=LATER))


def columns() -> Iterator[tuple[str, str]]:
    with closing(open_empty()) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"PRAGMA table_info({table})").fetchall():
                yield table, row[1]


#: What a column is set to, in all rows that do not collide. {signer} is the name of our key.
VALUES = (
    "NULL",
    "''",
    "'{signer}'",
    "'x' || char(13, 10) || 'X-Forged: 1'",
    "x''",
    "x'c1'",
    "zeroblob(100000)",
    "x'" + "91" * 50_000 + "'",  # arrays of one array each
    "0",
    "-1",
    "1",
    "9223372036854775807",
    "1e308",
    "(SELECT {column} FROM {table} ORDER BY 1 LIMIT 1)",
    "(SELECT {column} FROM {table} ORDER BY 1 DESC LIMIT 1)",
    "(SELECT {column} FROM {table} WHERE signer <> '{signer}')",
)

EDIT = """
table, column, *values = sys.argv[1:]
for number, value in enumerate(values):
    shutil.copyfile("catalogue.sqlite", f"{number}.sqlite")
    connection = sqlite3.connect(f"{number}.sqlite")
    try:
        with connection:
            connection.execute(f"UPDATE OR REPLACE {table} SET {column} = {value}")
    except sqlite3.Error:
        pass
    connection.close()
"""


@pytest.mark.parametrize(("table", "column"), list(columns()))
def test_a_changed_column_is_no_memory_of_ours(cache: Path, table: str, column: str) -> None:
    signer = signer_of(cache / "catalogue.sqlite", make=False)
    values = [value.format(signer=signer.name, table=table, column=column) for value in VALUES]
    as_stranger(EDIT, cache, table, column, *values)
    for number in range(len(values)):
        database = cache / f"{number}.sqlite"
        look_after(DiskHousekeeping(cache, database))
        for read_only in (True, False):
            with SqliteCatalogue(database, signer=signer, read_only=read_only) as catalogue:
                assert_honest(catalogue)
        with SqliteCatalogue(database, signer=signer) as catalogue:
            fill(catalogue)
            assert kept_page(catalogue) == HONEST, "what was forged is in nobody's way"
            assert catalogue.get("fact") == "honest"


def look_after(housekeeping: DiskHousekeeping) -> None:
    """Everything that `cachi2ish cache` does; it may find fault, and nothing else."""
    reporter = ConsoleReporter(Console(Level.ERROR, colours=False))
    with suppress(Cachi2ishError):
        housekeeping.contents()
    for repair in (False, True):
        with suppress(Cachi2ishError):
            verify(housekeeping, reporter, lambda _: None, repair=repair)
    for dry_run in (True, False):
        with suppress(Cachi2ishError):
            limits = Limits(unused_since=LATER, size=10**9)
            prune(housekeeping, limits, LATER, reporter, dry_run=dry_run)


ENDLESS = (
    "CREATE VIEW {table} AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT i AS id, i AS page, '' AS key, i AS used, x'' AS content, x'' AS mac, '' AS signer, '' AS value"
    " FROM n"
)
TABLES = ("page", "body", "recollection")
STATEMENTS = (
    *(f"DROP TABLE {table}" for table in TABLES),
    *(f"DROP TABLE {table}; {ENDLESS.format(table=table)}" for table in TABLES),
    *(f"ALTER TABLE {table} RENAME TO gone" for table in TABLES),
    *(f"ALTER TABLE {table} ADD COLUMN more" for table in TABLES),
    *(f"DELETE FROM {table}" for table in TABLES),
    "CREATE TABLE more (x)",
    "CREATE TRIGGER t AFTER INSERT ON page BEGIN DELETE FROM body; END",
    "CREATE TRIGGER t AFTER UPDATE ON recollection BEGIN UPDATE recollection SET value = 'evil'; END",
    "INSERT INTO body SELECT 1000 + id, x'00' FROM page",
    "PRAGMA user_version = 99",
)
EXECUTE = """
connection = sqlite3.connect("catalogue.sqlite")
connection.executescript(sys.argv[1])
connection.close()
"""


@pytest.mark.parametrize("statement", STATEMENTS)
def test_other_tables_are_no_catalogue(cache: Path, statement: str) -> None:
    as_stranger(EXECUTE, cache, statement)
    look_after(DiskHousekeeping(cache, cache / "catalogue.sqlite"))
    with SqliteCatalogue(cache / "catalogue.sqlite") as catalogue:
        assert_honest(catalogue)
        fill(catalogue)
        assert kept_page(catalogue) == HONEST


def test_a_catalogue_in_the_place_of_ours_is_not_believed(cache: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    with SqliteCatalogue(place / "catalogue.sqlite") as theirs:
        theirs.keep_page(EVIL, '"evil"')
        theirs.put("fact", "evil")
    share(place)
    (place / "catalogue.key").chmod(0o644)  # their own, which they may read
    replace = "for name in sys.argv[1:]: Path(name).unlink(missing_ok=True); shutil.move(f'stage/{name}', name)"
    shutil.copytree(place, cache / "stage")
    if os.geteuid() == 0:
        for path in (cache / "stage", *(cache / "stage").iterdir()):
            os.chown(path, STRANGER, STRANGER)
    else:
        (cache / "stage" / "catalogue.key").chmod(0o644)
    as_stranger(replace, cache, "catalogue.sqlite", "catalogue.key")
    with SqliteCatalogue(cache / "catalogue.sqlite") as catalogue:
        assert_honest(catalogue)
        fill(catalogue)
        assert kept_page(catalogue) == HONEST


KEYS = {
    "none": "pass",
    "readable": "Path('catalogue.key').write_bytes(bytes(32))",
    "a link to a file of ours that others know": "os.symlink(sys.argv[1], 'catalogue.key')",
    "a pipe": "os.mkfifo('catalogue.key', 0o600)",
    "a folder": "os.mkdir('catalogue.key')",
    "both": "[Path(name).write_bytes(bytes(32)) for name in ('catalogue.key', f'catalogue-{sys.argv[2]}.key')]",
}


@pytest.mark.parametrize("attack", KEYS)
def test_only_a_key_that_is_ours_alone_is_used(cache: Path, tmp_path: Path, attack: str) -> None:
    known = tmp_path / "known"
    known.write_bytes(bytes(32))
    known.chmod(0o600)
    as_stranger(f"os.unlink('catalogue.key')\n{KEYS[attack]}", cache, known, str(os.geteuid()))
    as_stranger("shutil.copyfile('catalogue.sqlite', 'copy.sqlite')", cache)
    with SqliteCatalogue(cache / "copy.sqlite", signer=Signer(bytes(32))) as forged:  # what they can sign
        forged.keep_page(EVIL, '"evil"')
        forged.put("fact", "evil")
    as_stranger("os.replace('copy.sqlite', 'catalogue.sqlite')", cache)
    for _ in range(2):
        with SqliteCatalogue(cache / "catalogue.sqlite") as catalogue:
            assert_honest(catalogue)
            fill(catalogue)
            assert kept_page(catalogue) == HONEST


def test_users_of_one_cache_have_a_memory_each(cache: Path) -> None:
    ours = signer_of(cache / "catalogue.sqlite", make=False)
    other = Signer(b"of a colleague")
    for signer in (ours, other):
        with SqliteCatalogue(cache / "catalogue.sqlite", signer=signer) as catalogue:
            catalogue.keep_page(HONEST if signer is ours else EVIL)
    for signer, page in ((ours, HONEST), (other, EVIL)):
        with SqliteCatalogue(cache / "catalogue.sqlite", signer=signer) as catalogue:
            assert kept_page(catalogue) == page


MEMBER = """
signer = signer_with(Path(sys.argv[1])) if len(sys.argv) > 1 else None
store = DiskBlobs(cache)
print(store.find([digest_of(b"shared")]) is not None, end=" ")
keep(store, b"shared", key="shared")
keep(store, b"%d" % os.geteuid(), key="own")
with SqliteCatalogue(cache / "catalogue.sqlite", signer=signer) as catalogue:
    print(kept(catalogue) is not None, catalogue.get("fact"), end="")
    assert catalogue.keep_page(page_of(SDIST))
    catalogue.put("fact", str(os.geteuid()))
"""


@pytest.mark.parametrize("key", ["a key for each", "one key"])
def test_a_group_shares_files_and_with_one_key_what_is_remembered(key: str) -> None:
    with TemporaryDirectory(prefix="cachi2ish-group-") as public:
        Path(public).chmod(0o755)
        directory = Path(public) / "cache"
        directory.mkdir()
        if os.geteuid() == 0:
            os.chown(directory, 0, STRANGER)
        directory.chmod(0o2770)
        (Path(public) / "key").write_text("of all of the group")
        keys = [Path(public) / "key"] if key == "one key" else []
        first, second = (STRANGER + 1, STRANGER + 2) if os.geteuid() == 0 else (os.geteuid(),) * 2
        assert as_member(MEMBER, directory, first, *keys) == "False False None"
        shared = keys or first == second
        assert as_member(MEMBER, directory, second, *keys) == f"True {f'True {first}' if shared else 'False None'}"
        assert as_member(MEMBER, directory, first, *keys) == f"True True {second if shared else first}"


def test_a_forged_row_is_damage_that_verify_finds_and_repairs(cache: Path) -> None:
    housekeeping = DiskHousekeeping(cache, cache / "catalogue.sqlite")
    assert not [one for one in housekeeping.verify(lambda _: None, repair=False) if one.flaw is Flaw.CATALOGUE]
    as_stranger(EXECUTE, cache, "UPDATE recollection SET value = 'evil'")
    (found,) = (one for one in housekeeping.verify(lambda _: None, repair=False) if one.flaw is Flaw.CATALOGUE)
    assert "somebody has changed" in found.detail
    housekeeping.verify(lambda _: None, repair=True)
    assert not [one for one in housekeeping.verify(lambda _: None, repair=False) if one.flaw is Flaw.CATALOGUE]


@pytest.mark.parametrize("etag", ['"a"\r\nX-Forged: 1', '"a"\n b', " x", "\u0100", '"' + "x" * 5000 + '"', "\x7f"])
def test_an_etag_that_no_request_can_carry_is_not_kept(tmp_path: Path, etag: str) -> None:
    with SqliteCatalogue(tmp_path / "catalogue.sqlite") as catalogue:
        assert catalogue.keep_page(HONEST, etag)
        assert catalogue.etag(INDEX, "thing") is None
        assert kept_page(catalogue) == HONEST


# files


#: Where there is something in a cache: BLOB, LINK and so on stand for names that depend on the content.
PLACES = (
    "blobs",
    "blobs/sha256",
    "blobs/sha256/{sha256:.2}",
    "blobs/sha256/{sha256:.2}/{rest}",
    "blobs/sha512",
    "blobs/sha512/{sha512:.2}",
    "blobs/.lock",
    "blobs/.readers",
    "partial",
    "partial/{key}",
    "partial/{key}.0123456789abcdef.tmp",
    "running",
    "running/0123456789abcdef",
    "catalogue.sqlite",
    "catalogue.sqlite-wal",
    "catalogue.sqlite-shm",
    "catalogue.sqlite-journal",
    "catalogue.sqlite.lock",
    "catalogue.sqlite.aside",
    "catalogue.key",
    "CACHEDIR.TAG",
)
PUT = """
place, kind, target = Path(sys.argv[1]), *sys.argv[2:]
if place.is_dir() and not place.is_symlink():
    place.rename("moved")
else:
    place.unlink(missing_ok=True)
os.mkfifo(place) if kind == "pipe" else os.symlink(target, place)
"""


def precious(directory: Path) -> Path:
    """A folder of ours, with names that a cache has, and with the database of another program."""
    (directory / "sha256" / "ab").mkdir(parents=True)
    for name in (
        "f" * 64,
        "e" * 64 + ".0123456789abcdef.tmp",
        "0123456789abcdef",
        ".lock",
        "sha256/ab/" + "c" * 62,
    ):
        (directory / name).write_bytes(b"precious")
        os.utime(directory / name, (1, 1))
    with closing(sqlite3.connect(directory / "database")) as connection, connection:
        connection.execute("CREATE TABLE page (precious)")
        connection.execute("PRAGMA user_version = 4")
    return directory


def everything(cache: Path, output: Path, outputs: Outputs) -> None:
    """All that a run and `cachi2ish cache` do. An error is an answer, and a hang is none."""
    with suppress(StorageError):
        store = DiskBlobs(cache)
        with suppress(StorageError):
            keep(store, b"another", "sha512", key="another")
        for key in ("url", "url"):
            with suppress(StorageError), store.writer(key, ["sha512"]) as writer:
                writer.write(b"half")
        with suppress(StorageError):
            store.discard("url")
        with suppress(StorageError):
            blob = store.find([digest_of(CONTENT, "sha512")]) or store.find([digest_of(CONTENT)])
            if blob is not None:
                with outputs.stage(output) as staging:
                    staging.place(blob, "thing-1.0.tar.gz")
                    assert (next(output.parent.rglob("thing-1.0.tar.gz"))).read_bytes() == CONTENT
    with suppress(StorageError), SqliteCatalogue(cache / "catalogue.sqlite") as catalogue:
        assert_honest(catalogue)
        fill(catalogue)
    look_after(DiskHousekeeping(cache, cache / "catalogue.sqlite"))


@pytest.mark.parametrize("kind", ["folder", "database", "f" * 64, "nothing", "pipe"])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_in_the_place_of_something_leads_nowhere(
    cache: Path, tmp_path: Path, place: str, kind: str
) -> None:
    sha256, sha512 = digest_of(CONTENT).value, digest_of(CONTENT, "sha512").value
    key = hashlib.sha256(b"url").hexdigest()
    outside = precious(tmp_path / "outside")
    before, times = tree(outside), {path: path.stat().st_mtime_ns for path in outside.rglob("*")}
    target = outside if kind == "folder" else outside / kind
    named = place.format(sha256=sha256, rest=sha256[2:], sha512=sha512, key=key)
    as_stranger(PUT, cache, named, "pipe" if kind == "pipe" else "link", target)
    (tmp_path / "work").mkdir()
    for _ in range(2):
        everything(cache, tmp_path / "work" / "out", OutputDirectories())
    assert tree(outside) == before
    assert {path: path.stat().st_mtime_ns for path in outside.rglob("*")} == times


@pytest.fixture
def blob(cache: Path) -> Blob:
    found = DiskBlobs(cache).find([digest_of(CONTENT)])
    assert found
    return found


SWAPS = {
    "another file": "Path('x').write_bytes(b'x' * 1400); os.replace('x', sys.argv[1])",
    "another file of ours": "Path(sys.argv[1]).unlink(); os.rename(sys.argv[2], sys.argv[1])",
    "other bytes in it": "Path(sys.argv[1]).write_bytes(b'x' * 1400)",
    "a link": "Path(sys.argv[1]).unlink(); os.symlink('/dev/zero', sys.argv[1])",
    "a pipe": "Path(sys.argv[1]).unlink(); os.mkfifo(sys.argv[1])",
}


@pytest.mark.parametrize("swap", SWAPS)
def test_a_file_that_is_changed_after_it_was_checked_does_not_reach_the_output(
    cache: Path, tmp_path: Path, blob: Blob, swap: str
) -> None:
    other = keep(DiskBlobs(cache), b"y" * blob.size)
    share(cache)
    as_stranger(SWAPS[swap], cache, blob.path.relative_to(cache), other.path.relative_to(cache))
    (tmp_path / "work").mkdir()
    outputs = OutputDirectories()
    with outputs.stage(tmp_path / "work" / "out") as staging, pytest.raises(StorageError):
        staging.place(blob, "thing-1.0.tar.gz")


def test_what_a_stranger_has_begun_is_not_taken_up(cache: Path) -> None:
    """Who has the file open could write to it when it is checked already."""
    partial = Path("partial", hashlib.sha256(b"new").hexdigest())
    as_stranger("Path(sys.argv[1]).write_bytes(b'theirs')", cache, partial)
    store = DiskBlobs(cache)
    with store.writer("new", []) as writer:
        assert writer.offset == 0
        writer.write(CONTENT)
        blob = writer.commit()
    status = blob.path.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (os.geteuid(), 0o444)


def test_a_cache_that_we_make_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        DiskBlobs(tmp_path / "one" / "cache")
        SqliteCatalogue(tmp_path / "two" / "catalogue.sqlite").close()
    finally:
        os.umask(before)
    assert (tmp_path / "one" / "cache").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "two").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "two" / "catalogue.key").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_somebody_has_made_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o2775)
    DiskBlobs(tmp_path / "cache")
    assert (tmp_path / "cache").stat().st_mode & 0o7777 == 0o2775
