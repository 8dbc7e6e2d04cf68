"""What is in a cache is told, what is wrong is found, and what may go goes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.interface import Housekeeping
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.cache_contents import Amount, Entry, EntryKind, Finding, Flaw
from cachi2ish.errors import StorageError
from tests.cache.pages import SDIST, page_of
from tests.cache.pages import kept as kept_page
from tests.cache.support import digest_of, files_below, keep

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def housekeeping(cache: Path) -> DiskHousekeeping:
    return DiskHousekeeping(cache, cache / "catalogue.sqlite")


@pytest.fixture
def catalogue(cache: Path) -> Iterator[SqliteCatalogue]:
    with SqliteCatalogue(cache / "catalogue.sqlite") as opened:
        yield opened


def age(path: Path, when: datetime = LONG_AGO) -> None:
    os.utime(path, (when.timestamp(),) * 2)


def kept(cache: Path, content: bytes, *algorithms: str) -> Blob:
    """A blob in a cache that nobody has open any more."""
    return keep(DiskBlobs(cache), content, *algorithms)


def verified(housekeeping: Housekeeping, *, repair: bool = False) -> dict[Flaw, Finding]:
    findings = housekeeping.verify(lambda _: None, repair=repair)
    found = {finding.flaw: finding for finding in findings}
    assert len(found) == len(findings)
    return found


def age_rows(cache: Path, seconds: int = 10 * 86_400) -> None:
    with closing(sqlite3.connect(cache / "catalogue.sqlite")) as connection, connection:
        for table in ("page", "recollection"):
            connection.execute(f"UPDATE {table} SET used = used - {seconds}")


def fill(catalogue: SqliteCatalogue) -> None:
    catalogue.keep_page(replace(page_of(SDIST), status_reason=os.urandom(150_000).hex()))
    catalogue.put("key", "value")


def remembers(catalogue: SqliteCatalogue) -> list[bool]:
    return [
        kept_page(catalogue) is not None,
        catalogue.get("key") is not None,
    ]


def test_it_is_the_housekeeping_of_the_interface(housekeeping: DiskHousekeeping, cache: Path) -> None:
    port: Housekeeping = housekeeping
    assert port.directory == cache


def test_a_cache_that_is_not_there_is_empty_and_is_not_made(housekeeping: DiskHousekeeping, cache: Path) -> None:
    contents = housekeeping.contents()
    assert not contents.exists
    assert contents.size == 0
    assert housekeeping.verify(lambda _: None, repair=True) == ()
    pruning = housekeeping.pruning(pretend=False)
    assert not pruning.entries
    assert pruning.forget(NOW) == 0
    assert pruning.remove_dangling_links() == 0
    pruning.shrink_catalogue()
    assert not cache.exists()


def test_everything_in_it_is_counted(
    housekeeping: DiskHousekeeping, cache: Path, catalogue: SqliteCatalogue
) -> None:
    store = DiskBlobs(cache)
    blob = keep(store, b"x" * 1000, "sha512")
    keep(store, b"y" * 10)
    age(blob.path)
    with store.writer("url", []) as writer:
        writer.write(b"half")
    fill(catalogue)
    (cache / "catalogue.sqlite.aside").write_bytes(b"damaged")
    before = files_below(cache)

    contents = housekeeping.contents()

    assert contents.files == Amount(2, 1010)
    assert contents.unfinished == Amount(1, 4)
    assert contents.leftovers == Amount(1, 7)
    held = contents.catalogue
    assert (held.pages, held.recollections, held.problem) == (1, 1, None)
    assert held.size > 300_000
    assert contents.size == 1010 + 4 + 7 + held.size
    assert contents.oldest_use == LONG_AGO
    assert contents.newest_use is not None
    assert abs(contents.newest_use - datetime.now(UTC)) < timedelta(minutes=5)
    assert files_below(cache) == before


def test_counting_leaves_nothing_beside_the_catalogue(housekeeping: DiskHousekeeping, cache: Path) -> None:
    with SqliteCatalogue(cache / "catalogue.sqlite") as catalogue:
        fill(catalogue)
    before = files_below(cache)
    assert housekeeping.contents().catalogue.pages == 1
    assert files_below(cache) == before


def test_a_catalogue_that_cannot_be_read_is_told_and_the_rest_is_counted(
    housekeeping: DiskHousekeeping, cache: Path
) -> None:
    kept(cache, b"x")
    (cache / "catalogue.sqlite").write_bytes(b"no database" * 1000)
    contents = housekeeping.contents()
    assert contents.files.count == 1
    assert contents.catalogue.problem == "file is not a database"
    assert contents.catalogue.size == 11_000


def test_a_cache_in_order_has_no_flaws_and_all_files_are_read(
    housekeeping: DiskHousekeeping, cache: Path, catalogue: SqliteCatalogue
) -> None:
    kept(cache, b"x" * 1000, "sha512", "shake_128", "md5", "blake2b")
    kept(cache, b"y")
    fill(catalogue)
    sizes: list[int] = []
    assert housekeeping.verify(sizes.append, repair=False) == ()
    assert sorted(sizes) == [1, 1000]


def test_all_damage_is_found_at_once_and_repaired(housekeeping: DiskHousekeeping, cache: Path) -> None:
    damaged, whole, gone = (kept(cache, content, "sha512") for content in (b"damaged", b"whole", b"gone"))
    os.chmod(damaged.path, 0o644)  # noqa: PTH101  (a path on one line)
    damaged.path.write_bytes(b"other")
    links = {content: cache / "blobs/sha512" / _split(digest_of(content, "sha512").value) for content in _CONTENTS}
    gone.path.unlink()
    links[b"whole"].unlink()
    links[b"whole"].symlink_to(f"../../sha256/{_split(damaged.sha256)}")
    obstacle = cache / "blobs/sha256/00" / ("1" * 62)
    obstacle.parent.mkdir()
    obstacle.symlink_to("/etc/passwd")
    (cache / "blobs/sha256/note.txt").write_text("mine")
    (cache / "catalogue.sqlite").write_bytes(b"no database" * 1000)

    found = verified(housekeeping)

    assert set(found) == {Flaw.DAMAGED, Flaw.DANGLING, Flaw.OBSTACLE, Flaw.STRAY, Flaw.CATALOGUE}
    assert found[Flaw.DAMAGED].path == f"blobs/sha256/{_split(damaged.sha256)}"
    assert str(digest_of(b"other")) in found[Flaw.DAMAGED].detail
    assert found[Flaw.STRAY].path == "blobs/sha256/note.txt"
    assert not any(finding.repaired for finding in found.values())

    sizes: list[int] = []
    repaired = housekeeping.verify(sizes.append, repair=True)
    assert sizes == [len(b"whole")], "what was damaged is not verified, nor what was removed"

    assert {finding.flaw for finding in repaired if not finding.repaired} == {Flaw.STRAY}
    assert set(verified(housekeeping)) == {Flaw.STRAY}
    assert not damaged.path.exists()
    assert DiskBlobs(cache).find([whole.digest]) == whole
    assert (cache / "catalogue.sqlite.aside").exists()


_CONTENTS = (b"damaged", b"whole", b"gone")


def _split(digits: str) -> str:
    return f"{digits[:2]}/{digits[2:]}"


@pytest.mark.parametrize("target", ["../../../elsewhere", "lie"])
def test_a_link_to_no_blob_is_misleading(housekeeping: DiskHousekeeping, cache: Path, target: str) -> None:
    kept(cache, b"x", "sha512")
    (link,) = (path for path in (cache / "blobs/sha512").rglob("*") if path.is_symlink())
    link.unlink()
    link.symlink_to(target)
    assert set(verified(housekeeping, repair=True)) == {Flaw.MISLEADING}
    assert verified(housekeeping) == {}


def test_a_link_to_another_file_is_misleading(housekeeping: DiskHousekeeping, cache: Path) -> None:
    other = kept(cache, b"other")
    kept(cache, b"x", "sha512")
    (link,) = (path for path in (cache / "blobs/sha512").rglob("*") if path.is_symlink())
    link.unlink()
    link.symlink_to(f"../../sha256/{_split(other.sha256)}")
    assert set(verified(housekeeping, repair=True)) == {Flaw.MISLEADING}
    assert DiskBlobs(cache).find([other.digest]) == other


def test_a_directory_in_the_place_of_a_file_is_not_removed(housekeeping: DiskHousekeeping, cache: Path) -> None:
    blob = kept(cache, b"x")
    blob.path.unlink()
    blob.path.mkdir()
    assert verified(housekeeping, repair=True)[Flaw.OBSTACLE].repaired is False
    assert blob.path.is_dir()


def test_a_catalogue_of_another_version_is_outdated_and_not_damaged(
    housekeeping: DiskHousekeeping, cache: Path
) -> None:
    SqliteCatalogue(cache / "catalogue.sqlite").close()
    with closing(sqlite3.connect(cache / "catalogue.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "version 99" in verified(housekeeping)[Flaw.OUTDATED].detail


def test_a_damaged_page_of_the_catalogue_is_found(housekeeping: DiskHousekeeping, cache: Path) -> None:
    path = cache / "catalogue.sqlite"
    with SqliteCatalogue(path) as catalogue:
        fill(catalogue)
    content = bytearray(path.read_bytes())
    content[2 * 4096 : 3 * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    assert set(verified(housekeeping, repair=True)) == {Flaw.CATALOGUE}
    assert verified(housekeeping) == {}


def test_a_file_where_the_cache_should_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    housekeeping = DiskHousekeeping(tmp_path / "file", tmp_path / "file/catalogue.sqlite")
    with pytest.raises(StorageError, match=r"the cache .*/file cannot be read: Not a directory"):
        housekeeping.contents()


def entries(housekeeping: Housekeeping) -> dict[EntryKind, list[Entry]]:
    found: dict[EntryKind, list[Entry]] = {}
    for entry in housekeeping.pruning(pretend=True).entries:
        found.setdefault(entry.kind, []).append(entry)
    return found


def test_a_file_that_nobody_uses_is_removed_and_its_links_after_it(
    housekeeping: DiskHousekeeping, cache: Path
) -> None:
    blob = kept(cache, b"x", "sha512")
    age(blob.path)
    (entry,) = entries(housekeeping)[EntryKind.FILE]
    assert entry == Entry(EntryKind.FILE, f"blobs/sha256/{_split(blob.sha256)}", 1, LONG_AGO)

    pruning = housekeeping.pruning(pretend=False)
    assert pruning.remove_dangling_links() == 0
    assert pruning.remove(entry)
    assert pruning.remove_dangling_links() == 1
    assert not blob.path.exists()
    assert not [path for path in (cache / "blobs").rglob("*") if path.is_symlink()]
    assert pruning.remove(entry), "it is gone, whoever did it"


def test_pretending_removes_nothing(housekeeping: DiskHousekeeping, cache: Path) -> None:
    age(kept(cache, b"x", "sha512").path)
    with SqliteCatalogue(cache / "catalogue.sqlite") as catalogue:
        fill(catalogue)
    age_rows(cache)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    pruning = housekeeping.pruning(pretend=True)
    assert all(pruning.remove(entry) for entry in pruning.entries)
    assert pruning.forget(NOW) == 2
    pruning.shrink_catalogue()
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


def test_an_unfinished_file_that_is_being_written_is_spared(housekeeping: DiskHousekeeping, cache: Path) -> None:
    store = DiskBlobs(cache)
    with store.writer("url", []) as writer:
        writer.write(b"half")
        pruning = housekeeping.pruning(pretend=False)
        (entry,) = pruning.entries
        assert not pruning.remove(entry)
    assert pruning.remove(entry)
    assert not list((cache / "partial").iterdir())


def test_what_the_catalogue_knows_is_forgotten_when_it_is_old_and_the_file_shrinks(
    housekeeping: DiskHousekeeping, cache: Path, catalogue: SqliteCatalogue
) -> None:
    fill(catalogue)
    pruning = housekeeping.pruning(pretend=False)
    assert pruning.forget(NOW) == 0, "used today"
    age_rows(cache)
    before = pruning.other_size()
    assert pruning.forget(NOW - timedelta(days=20)) == 0, "used within twenty days"
    assert pruning.forget(NOW - timedelta(days=5)) == 2
    pruning.shrink_catalogue()
    assert pruning.other_size() < before - 300_000
    assert remembers(catalogue) == [False] * 2, "whoever has it open goes on"
    fill(catalogue)
    assert remembers(catalogue) == [True] * 2


def test_use_is_noted_for_everything_that_is_read(
    housekeeping: DiskHousekeeping, cache: Path, catalogue: SqliteCatalogue
) -> None:
    fill(catalogue)
    age_rows(cache)
    assert remembers(catalogue) == [True] * 2
    assert housekeeping.pruning(pretend=False).forget(NOW) == 0


def test_a_catalogue_that_is_being_written_for_long_is_one_clear_error(
    housekeeping: DiskHousekeeping, cache: Path, catalogue: SqliteCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachi2ish.cache.memory.schema._BUSY_TIMEOUT", 1)
    fill(catalogue)
    kept(cache, b"x")
    age_rows(cache)
    pruning = housekeeping.pruning(pretend=False)
    catalogue._connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        StorageError, match=r"catalogue of the cache .* cannot be made smaller: database is locked"
    ):
        pruning.forget(NOW)
    catalogue._connection.execute("ROLLBACK")
