"""A cache that may only be read serves what it has, and says once that nothing can be added."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cachi2ish.cache.blobs import DiskBlobs
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cli.display.hints import hint_of
from cachi2ish.errors import StorageError
from tests.cache.pages import INDEX, SDIST, WHEEL, kept, page_of
from tests.cache.support import digest_of, files_below, forbid_writing, keep, read_only_view, small_disk

CONTENT = b"a distribution" * 1000
ROWS = 10 * 86_400


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "4m") as mounted:
        yield mounted


def fill(catalogue: SqliteCatalogue) -> None:
    catalogue.keep_page(page_of(SDIST), '"1"')
    catalogue.put("key", "value")


def assert_remembered(catalogue: SqliteCatalogue) -> None:
    assert kept(catalogue) == page_of(SDIST)
    assert catalogue.etag(INDEX, "thing") == '"1"'
    assert catalogue.get("key") == "value"


def test_files_are_found_and_a_writer_says_what_to_do(disk: Path) -> None:
    blob = keep(DiskBlobs(disk / "cache"), CONTENT, "sha512")
    forbid_writing(disk)
    store = DiskBlobs(disk / "cache")
    assert store.find([blob.digest]) == blob
    assert store.find([digest_of(CONTENT, "sha512")]) == blob
    assert store.find([digest_of(b"another")]) is None

    def write() -> None:
        with store.writer("key", []):
            pass

    with pytest.raises(StorageError) as caught:
        write()
    assert caught.value.problem == f"the cache {disk / 'cache'} cannot be written: Read-only file system"
    assert hint_of(caught.value) == "the file system is mounted read-only: choose another place with --cache-dir"


def test_a_damaged_file_is_not_found(disk: Path) -> None:
    blob = keep(DiskBlobs(disk / "cache"), CONTENT)
    blob.path.unlink()
    blob.path.write_bytes(b"damaged")
    forbid_writing(disk)
    assert DiskBlobs(disk / "cache").find([blob.digest]) is None


def test_what_is_no_cache_yet_cannot_become_one(disk: Path) -> None:
    forbid_writing(disk)
    with pytest.raises(StorageError, match="Read-only file system"):
        DiskBlobs(disk / "cache")
    with pytest.raises(StorageError, match="Read-only file system"):
        SqliteCatalogue(disk / "cache" / "catalogue.sqlite")


def test_the_catalogue_is_read_and_remembers_nothing_new(disk: Path) -> None:
    with SqliteCatalogue(disk / "catalogue.sqlite") as catalogue:
        fill(catalogue)
    with closing(sqlite3.connect(disk / "catalogue.sqlite")) as connection, connection:
        for table in ("page", "recollection"):
            connection.execute(f"UPDATE {table} SET used = used - {ROWS}")
    forbid_writing(disk)
    before = files_below(disk)
    with SqliteCatalogue(disk / "catalogue.sqlite") as catalogue:
        assert_remembered(catalogue)
        assert not catalogue.keep_page(page_of(WHEEL))
        catalogue.put("key", "another")
        assert_remembered(catalogue)
    assert files_below(disk) == before


def test_the_catalogue_of_a_process_that_was_killed_or_still_runs_is_read(disk: Path) -> None:
    with SqliteCatalogue(disk / "catalogue.sqlite") as catalogue:
        fill(catalogue)
        (disk / "copy").mkdir()
        for name in ("catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"):
            (disk / "copy" / name).write_bytes((disk / name).read_bytes())
        shutil.copy2(disk / "catalogue.key", disk / "copy")
    assert (disk / "copy" / "catalogue.sqlite-wal").stat().st_size
    forbid_writing(disk)
    with SqliteCatalogue(disk / "copy" / "catalogue.sqlite") as catalogue:
        assert_remembered(catalogue)


@pytest.mark.parametrize("content", [None, b"no database" * 1000, b""])
def test_a_catalogue_that_is_missing_or_damaged_is_empty(disk: Path, content: bytes | None) -> None:
    if content is not None:
        (disk / "catalogue.sqlite").write_bytes(content)
    forbid_writing(disk)
    with SqliteCatalogue(disk / "catalogue.sqlite") as catalogue:
        assert catalogue.get("key") is None


def test_housekeeping_looks_and_says_that_nothing_can_be_changed(disk: Path) -> None:
    keep(DiskBlobs(disk / "cache"), CONTENT)
    with SqliteCatalogue(disk / "cache/catalogue.sqlite") as catalogue:
        fill(catalogue)
    forbid_writing(disk)
    housekeeping = DiskHousekeeping(disk / "cache", disk / "cache/catalogue.sqlite")
    contents = housekeeping.contents()
    assert (contents.files.count, contents.catalogue.pages) == (1, 1)
    assert housekeeping.verify(lambda _: None, repair=False) == ()
    assert len(housekeeping.pruning(pretend=True).entries) == 1
    for change in (
        lambda: housekeeping.pruning(pretend=False),
        lambda: housekeeping.verify(lambda _: None, repair=True),
    ):
        with pytest.raises(StorageError, match="cannot be written: Read-only file system"):
            change()


def test_a_file_in_use_through_a_read_only_mount_is_not_pruned(tmp_path: Path, disk: Path) -> None:
    """The same cache twice: one mount may be written, and the other may not."""
    blob = keep(DiskBlobs(disk / "cache"), CONTENT)
    os.utime(blob.path, (1, 1))
    with read_only_view(disk, tmp_path / "view") as view:
        reader = DiskBlobs(view / "cache")
        assert reader.find([blob.digest])
        pruning = DiskHousekeeping(disk / "cache", disk / "cache/catalogue.sqlite").pruning(pretend=False)
        (entry,) = pruning.entries
        assert not pruning.remove(entry)
        del reader
        assert pruning.remove(entry)
