"""Damaged, locked or crowded: the catalogue forgets, and fails no run."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cachi2ish.cache.memory import catalogue as catalogue_module
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cache.memory.schema import open_existing
from cachi2ish.cli.display.hints import hint_of
from cachi2ish.errors import StorageError
from tests.cache.pages import INDEX, SDIST, WHEEL, T, index_file, kept, page_of
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
        catalogue.keep_page(page_of(SDIST))
        assert kept(catalogue) == page_of(SDIST)
    assert path.with_name("catalogue.sqlite3.aside").read_bytes() == content
    assert "moved aside" in caplog.text


def test_a_newer_database_is_moved_aside_with_a_note(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    SqliteCatalogue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with SqliteCatalogue(path) as catalogue:
        catalogue.keep_page(page_of(SDIST))
        assert kept(catalogue)
    assert "version 99" in caplog.text


@pytest.mark.parametrize("damage", ["DROP TABLE page", "ALTER TABLE body RENAME COLUMN content TO text"])
def test_damage_that_shows_later_is_healed(path: Path, damage: str) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.keep_page(page_of(SDIST))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(damage)
        assert kept(catalogue) is None
        catalogue.keep_page(page_of(SDIST))
        assert kept(catalogue)


def test_damage_is_healed_once_for_all_who_have_it_open(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SqliteCatalogue(path) as one, SqliteCatalogue(path) as other:
        one.keep_page(page_of(SDIST))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DROP TABLE body")
        assert kept(one) is None
        one.keep_page(page_of(SDIST))
        other.keep_page(page_of(WHEEL, project="other"))  # still has the damaged file open
        other.keep_page(page_of(WHEEL, project="other"))
        assert kept(one), "it was not moved aside a second time"
        assert kept(one, project="other")
    assert caplog.text.count("moved aside") == 1


@pytest.mark.parametrize("torn", ["x'00'", "x''", "substr(content, 1, length(content) - 1)"])
def test_torn_content_is_not_known(path: Path, torn: str) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.keep_page(page_of(SDIST), '"1"')
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"UPDATE body SET content = {torn}")
        assert catalogue.kept_page(INDEX, "thing") is None
        assert catalogue.confirmed_page(INDEX, "thing", T) is None


def test_a_locked_database_fails_no_run(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with SqliteCatalogue(path) as catalogue, closing(sqlite3.connect(path, isolation_level=None)) as other:
        catalogue._connection.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        catalogue.keep_page(page_of(SDIST))
        other.execute("ROLLBACK")
        assert "locked" in caplog.text
        catalogue.keep_page(page_of(SDIST))
        assert kept(catalogue)


def test_a_place_where_no_file_can_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Not a directory") as caught:
        SqliteCatalogue(tmp_path / "file" / "catalogue.sqlite3")
    assert "--cache-dir" in (hint_of(caught.value) or "")
    (tmp_path / "directory").mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        SqliteCatalogue(tmp_path / "directory")


REMEMBER = """
import sys
from pathlib import Path
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from tests.cache.pages import index_file, kept, page_of
with SqliteCatalogue(Path(sys.argv[1])) as catalogue:
    for number in range(8):
        files = index_file(f"thing-{number}.zip"), index_file("thing-x.zip")
        own = page_of(*files, index=f"own {sys.argv[2]} {number}")
        catalogue.keep_page(own)
        catalogue.keep_page(page_of(*files))
        assert kept(catalogue).files[1] == files[1]
        assert kept(catalogue, index=own.index) == own
print("done")
"""


def test_many_processes_and_threads_share_it(path: Path) -> None:
    processes = [start(REMEMBER, path, str(number)) for number in range(4)]
    with SqliteCatalogue(path) as catalogue, ThreadPoolExecutor(4) as pool:
        pages = [page_of(index_file(f"thing-{number}.zip"), index=f"{number}") for number in range(40)]
        list(pool.map(catalogue.keep_page, pages))
        assert [process.communicate()[0] for process in processes] == ["done\n"] * 4
        for page in pages:
            assert kept(catalogue, index=page.index) == page
        for number in range(4):
            assert kept(catalogue, index=f"own {number} 7")
    assert not path.with_name("catalogue.sqlite3.aside").exists()


def in_the_file_itself(path: Path) -> list[str]:
    """The projects whose pages whoever reads the database without its log finds; none where half is written."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as alone, suppress(sqlite3.Error):
        return [project for (project,) in alone.execute("SELECT project FROM page ORDER BY project")]
    return []


def test_what_was_kept_is_moved_into_the_database_while_more_is_kept(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.keep_page(page_of(SDIST, project="a"))
        catalogue.write_back()
        catalogue.keep_page(page_of(WHEEL, project="b"))
        catalogue.put("key", "value")
        catalogue.write_back()
        for _ in range(400):  # some seconds: this is for another thread to do
            if in_the_file_itself(path) == ["a", "b"]:
                break
            time.sleep(0.05)
        assert in_the_file_itself(path) == ["a", "b"]
        catalogue.keep_page(page_of(SDIST, project="c"))
    assert in_the_file_itself(path) == ["a", "b", "c"]
    with SqliteCatalogue(path) as again:
        assert [kept(again, project=name) is not None for name in "abc"] == [True, True, True]
        assert again.get("key") == "value"


def test_a_database_that_is_gone_when_it_is_to_be_written_back_is_not_made_again(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.keep_page(page_of(SDIST))
        path.unlink()
        catalogue.write_back()
    assert not path.exists()


def test_where_no_thread_can_be_started_the_database_is_written_when_it_is_closed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with SqliteCatalogue(path) as catalogue:
        catalogue.keep_page(page_of(SDIST, project="a"))
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", cannot)
            catalogue.write_back()
    assert in_the_file_itself(path) == ["a"]
    with pytest.raises(sqlite3.ProgrammingError):
        catalogue.get("key")


def test_nothing_is_written_back_twice(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = list[Path]()

    def noted(path: Path, *, write: bool) -> sqlite3.Connection:
        opened.append(path)
        return open_existing(path, write=write)

    monkeypatch.setattr(catalogue_module, "open_existing", noted)
    with SqliteCatalogue(path) as catalogue:
        catalogue.keep_page(page_of(SDIST, project="a"))
        before = len(opened)
        for _ in range(3):
            catalogue.write_back()
        catalogue.keep_page(page_of(SDIST, project="b"))
        catalogue.write_back()
    assert len(opened) - before == 2


def test_a_catalogue_in_which_no_page_was_kept_is_not_written_back(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.put("key", "value")
        catalogue.write_back()
        assert "catalogue" not in {thread.name for thread in threading.enumerate()}
        assert catalogue.get("key") == "value"
