"""Damaged, locked or crowded: the catalogue forgets, and fails no run."""

from __future__ import annotations

import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from cachi2ish.cache.catalogue import SqliteCatalogue
from cachi2ish.errors import StorageError
from tests.cache.pages import INDEX, SDIST, WHEEL, index_file, page_of, recalled
from tests.cache.support import start


@pytest.mark.parametrize(
    "content", [b"this is no database at all", bytes(8192), b"SQLite format 3\0" + b"\1" * 9000]
)
def test_a_damaged_database_is_moved_aside_with_a_note(
    path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests) == recalled(page_of(SDIST))
    assert path.with_name("catalogue.sqlite3.aside").read_bytes() == content
    assert "moved aside" in caplog.text


def test_a_newer_database_is_moved_aside_with_a_note(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    SqliteCatalogue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests)
    assert "version 99" in caplog.text


@pytest.mark.parametrize("damage", ["DROP TABLE page", "ALTER TABLE file RENAME COLUMN url TO uri"])
def test_damage_that_shows_later_is_healed(path: Path, damage: str) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(damage)
        assert catalogue.recall("source", "thing", SDIST.digests) is None
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests)


def test_damage_is_healed_once_for_all_who_have_it_open(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SqliteCatalogue(path) as one, SqliteCatalogue(path) as other:
        one.remember("source", page_of(SDIST))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DROP TABLE file")
        assert one.recall("source", "thing", SDIST.digests) is None
        one.remember("source", page_of(SDIST))
        other.remember("other source", page_of(WHEEL))  # still has the damaged file open
        other.remember("other source", page_of(WHEEL))
        assert one.recall("source", "thing", SDIST.digests), "it was not moved aside a second time"
        assert one.recall("other source", "thing", WHEEL.digests)
    assert caplog.text.count("moved aside") == 1


def test_torn_content_is_not_recalled(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.remember("source", page_of(SDIST))
        catalogue.put_validated(INDEX, '"1"', "text/html", b"x")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE file SET digests = digests || ' torn'")
            connection.execute("UPDATE validated SET body = x'00'")
        assert catalogue.recall("source", "thing", SDIST.digests) is None
        assert catalogue.get_validated(INDEX) is None


def test_a_locked_database_fails_no_run(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with SqliteCatalogue(path) as catalogue, closing(sqlite3.connect(path, isolation_level=None)) as other:
        catalogue._connection.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        catalogue.remember("source", page_of(SDIST))
        other.execute("ROLLBACK")
        assert "locked" in caplog.text
        catalogue.remember("source", page_of(SDIST))
        assert catalogue.recall("source", "thing", SDIST.digests)


def test_a_place_where_no_file_can_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Not a directory") as caught:
        SqliteCatalogue(tmp_path / "file" / "catalogue.sqlite3")
    assert "--cache-dir" in (caught.value.hint or "")
    (tmp_path / "directory").mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        SqliteCatalogue(tmp_path / "directory")


REMEMBER = """
import sys
from pathlib import Path
from cachi2ish.cache.catalogue import SqliteCatalogue
from tests.cache.pages import page_of, index_file, recalled
with SqliteCatalogue(Path(sys.argv[1])) as catalogue:
    for number in range(8):
        page = page_of(index_file(f"thing-{number}.zip"), index_file("thing-x.zip"))
        catalogue.remember(f"own {sys.argv[2]} {number}", page)
        catalogue.remember("shared", page)
        assert catalogue.recall("shared", "thing", page.files[1].digests)
        assert catalogue.recall(f"own {sys.argv[2]} {number}", "thing", page.files[0].digests) == recalled(page)
print("done")
"""


def test_many_processes_and_threads_share_it(path: Path) -> None:
    processes = [start(REMEMBER, path, str(number)) for number in range(4)]
    with SqliteCatalogue(path) as catalogue, ThreadPoolExecutor(4) as pool:
        pages = [page_of(index_file(f"thing-{number}.zip")) for number in range(40)]
        list(pool.map(lambda page: catalogue.remember(page.files[0].filename, page), pages))
        assert [process.communicate()[0] for process in processes] == ["done\n"] * 4
        for page in pages:
            assert catalogue.recall(page.files[0].filename, "thing", page.files[0].digests) == recalled(page)
        for number in range(4):
            assert catalogue.recall(f"own {number} 7", "thing", index_file("thing-7.zip").digests)
    assert not path.with_name("catalogue.sqlite3.aside").exists()
