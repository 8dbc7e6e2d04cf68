from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_mock_engine, insert, select, text
from sqlalchemy.engine.mock import MockConnection

from cachi2ish.errors import InputError, StorageError
from cachi2ish.mirror.history.engines.database import HEAD, Database
from cachi2ish.mirror.history.migrations.upgrading import steps
from cachi2ish.mirror.history.tables import metadata, registry

RULES = {"url": "https://a.example/", "untimed": "exclude", "private": False, "settling": 0, "interval": 0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "history.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(Database(path)) as opened:
        yield opened


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(registry.c.name)).scalars())


def test_who_may_not_begin_a_history_makes_no_tables(path: Path, database: Database) -> None:
    with closing(Database(path, make=False)) as known:
        assert names(known) == []
    empty = path.with_name("other.sqlite")
    with pytest.raises(InputError, match="there is no history in") as refused:
        Database(empty, make=False)
    assert "serve, track, import and copy begin one" in (refused.value.hint or "")
    with closing(sqlite3.connect(empty)) as connection:
        assert connection.execute("SELECT * FROM sqlite_schema").fetchall() == []
    assert database.record_files_place("s3://files", replace=True) is None


def test_a_full_disk_is_told_from_other_failures(database: Database) -> None:
    def fill() -> None:
        with database.writing() as connection:
            connection.execute(text("PRAGMA max_page_count = 1"))
            connection.execute(insert(registry).values(name="x" * 1_000_000, **RULES))

    with pytest.raises(StorageError, match="full") as caught:
        fill()
    assert caught.value.cause == (errno.ENOSPC,)
    with pytest.raises(StorageError) as caught, database.writing() as connection:
        connection.execute(text("SELECT * FROM nothing"))
    assert caught.value.cause is None


def test_a_history_of_a_later_release_is_refused_and_left_as_it_is(path: Path, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="later version"):
        Database(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_who_is_running_when_a_later_release_changes_the_tables_neither_writes_nor_reads_on(
    path: Path, database: Database
) -> None:
    with database.reading() as connection:
        assert connection.execute(select(registry.c.name)).all() == []
        with closing(sqlite3.connect(path)) as later:
            later.execute("UPDATE alembic_version SET version_num = '9999'")
            later.commit()
    with pytest.raises(StorageError, match="later version"), database.writing() as connection:
        connection.execute(insert(registry).values(name="pypi", **RULES))
    with pytest.raises(StorageError, match="later version"), database.reading() as connection:
        connection.execute(select(registry.c.name))
    with closing(sqlite3.connect(path)) as later:
        assert later.execute("SELECT name FROM registry").fetchall() == []


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("no database at all " * 100)
    with pytest.raises(StorageError, match="cannot be used"):
        Database(path)


def test_a_place_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be used"):
        Database(tmp_path / "file" / "history.sqlite")


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(StorageError), database.writing() as connection:
        connection.execute(insert(registry), [{"name": "pypi", **RULES}, {"name": "pypi", **RULES}])
    assert names(database) == []


def test_a_reader_sees_one_state_while_another_writes(path: Path, database: Database) -> None:
    with closing(Database(path)) as other, database.reading() as connection:
        assert connection.execute(select(registry.c.name)).all() == []
        with other.writing() as writer:
            writer.execute(insert(registry).values(name="pypi", **RULES))
        assert connection.execute(select(registry.c.name)).all() == []
    assert names(database) == ["pypi"]


def test_the_steps_lead_to_the_tables_of_the_code(database: Database) -> None:
    assert max(steps()) == HEAD
    with database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    assert found == []


def test_an_open_history_is_sound_and_on_disk_before_a_transaction_ends(database: Database) -> None:
    assert database.damage() == ()
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2


def test_another_kind_of_database_takes_the_same_tables() -> None:
    written: list[str] = []

    def write(clause: Any, *_: object, **__: object) -> None:
        written.append(str(clause.compile(dialect=engine.dialect)))

    engine: MockConnection = create_mock_engine("postgresql://", write)
    metadata.create_all(engine, checkfirst=False)
    assert sum("CREATE TABLE" in one for one in written) == len(metadata.tables)


@pytest.mark.usefixtures("database")
def test_opening_what_is_up_to_date_imports_nothing_to_bring_it_there(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cachi2ish.mirror.history.engines.database import Database;"
        "Database(Path(sys.argv[1])).close(); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_was_written_while_somebody_read_who_can_take_no_lock_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    Database(path).close()
    monkeypatch.setattr("os.access", lambda *_: False)
    with closing(Database(path, read_only=True)) as reader, ExitStack() as stack:
        assert names(reader) == []

        def write() -> None:
            writer = Database(path)
            stack.callback(writer.close)
            with writer.writing() as connection:
                connection.execute(insert(registry), {"name": "pypi", **RULES})
            if not goes_on:
                writer.close()

        with pytest.raises(StorageError, match="another process has written"), reader.reading():
            write()
    with closing(Database(path, read_only=True)) as reader:
        assert names(reader) == ["pypi"]
