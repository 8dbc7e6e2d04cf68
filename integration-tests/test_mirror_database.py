"""The history of mirrors in a real PostgreSQL: Debian's, started by the tests.

The tests of the mirror itself run on it too: ``make mirror-company``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from conftest import new_postgresql, new_s3
from harness import BIN, clean_environment
from mirror_soak import Seen, soak
from packaging.utils import NormalizedName
from sqlalchemy import create_engine, event, text

from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError, StorageError
from cachi2ish.exit_codes import ExitCode
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.interface import History
from cachi2ish.mirror.history.migrations.upgrading import upgrade
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.history.tables import metadata
from cachi2ish.mirror.records import Look
from tests.mirror.history.world import PYPI, Watched, a_file, a_page, end_of_day, instant
from tests.support.postgresql import PASSWORD, PostgresqlServer

KILLS = 15


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with new_postgresql(durable=True) as started:
        yield started


def listed_names(history: SqlHistory) -> set[str]:
    page = Watched(history).page(None).page
    return {one.filename for one in page.files}


def exported(history: History) -> list[bytes]:
    lines: list[bytes] = []
    history.export("pypi", lines.append, None)
    return lines


def lived(history: SqlHistory) -> Watched:
    """A history in which files came, went, and were yanked, and a day that was frozen."""
    watched = Watched(history)
    old, new = a_file("1.0", 0.5), a_file("2.0", 2.5)
    watched.sees(1.5, old, serial=1)
    watched.sees(3.5, old, new, serial=2, digest="a" * 64)
    watched.sees(4.5, a_file("1.0", 0.5, yanked=""), serial=3)
    assert history.freeze("pypi", end_of_day(1), instant(9)).provisional == 0
    return watched


def test_mirrors_on_two_machines_and_their_database_are_killed_while_s3_fails_and_nothing_is_lost(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    def goes_on(kills: int, seen: Seen) -> bool:
        return kills < KILLS or len(seen.for_ever) < 10 or seen.counts["files"] < 20

    with new_s3() as s3:
        seen = soak(100, "1", tmp_path, goes_on, server, s3)
    assert seen.wrong == []
    assert not goes_on(KILLS, seen), seen.counts
    assert seen.counts["files in the bucket"] >= 10


def test_a_history_goes_to_postgresql_and_comes_back_as_it_was(server: PostgresqlServer, tmp_path: Path) -> None:
    there = server.new_schema()
    with SqlHistory(tmp_path / "first.sqlite") as first:
        lived(first)
        copied = first.copy_to(there)
        said = exported(first)
    with SqlHistory(there) as second:
        assert exported(second) == said
        assert second.verify() == ()
        # Numbers that were copied are not given out again.
        second.observe("pypi", NormalizedName("plum"), a_page([a_file()]), Look(seen_at=instant(9)))
    with SqlHistory(there) as second, pytest.raises(InputError, match="has a history already"):
        second.copy_to(there)
    back = server.new_schema()
    with SqlHistory(tmp_path / "first.sqlite") as first:
        assert first.copy_to(back) == copied
    with SqlHistory(back) as third:
        assert third.copy_to(tmp_path / "back.sqlite") == copied
    with SqlHistory(tmp_path / "back.sqlite") as fourth:
        assert exported(fourth) == said


def test_pages_are_read_while_an_index_of_all_files_is_made_anew(server: PostgresqlServer) -> None:
    address = server.new_schema()
    Database(address).close()
    engine = create_engine(address.with_credentials.replace("postgresql:", "postgresql+psycopg:", 1))
    read = []

    @event.listens_for(engine, "after_cursor_execute")
    def _(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("CREATE INDEX"):  # it has taken its time, and holds its locks
            with psycopg.connect(address.with_credentials) as reader:
                reader.execute("SET lock_timeout = '1s'")
                read.append(reader.execute("SELECT count(*) FROM file").fetchone())

    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        connection.execute(text("DROP INDEX ix_file_key; CREATE INDEX ix_file_key ON file (key)"))
    with engine.begin() as connection:
        upgrade(connection)
    assert read == [(0,)]
    with engine.connect() as connection:
        made = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE tablename = 'file'")).scalars()
        assert [one for one in made if "(key)" in one and "USING hash" not in one] == []
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_of_what_many_processes_see_at_once_nothing_is_lost(server: PostgresqlServer) -> None:
    address, names = server.new_history(), [NormalizedName(f"plum-{number}") for number in range(20)]

    def look_at_all(number: int) -> None:
        with SqlHistory(address) as history:
            for name in names:
                page = a_page([a_file(f"1.{each}", name=f"{name}-1.{each}.tar.gz") for each in range(number + 1)])
                history.observe("pypi", name, page, Look(seen_at=instant(1 + number)))

    with SqlHistory(address) as history:
        history.configure(PYPI)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(look_at_all, range(4)))
        for name in names:
            page = history.page("pypi", name, None)
            assert len(getattr(page, "page").files) == 4  # noqa: B009  (a refusal has none, and fails here)
        assert history.verify() == ()


def test_a_process_that_is_killed_while_it_writes_keeps_nobody_waiting(server: PostgresqlServer) -> None:
    address = server.new_history()
    code = (
        "import sys, time; from cachi2ish.core.urls import Address;"
        "from cachi2ish.mirror.history.engines.database import Database\n"
        "with Database(Address(sys.argv[1])).writing(): print('writing', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, address.with_credentials]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        with ThreadPoolExecutor(1) as threads, SqlHistory(address) as history:
            waiting = threads.submit(history.configure, PYPI)
            assert not waiting.done()
            process.kill()
            waiting.result(timeout=60)
            assert history.registries() == (PYPI,)


def test_one_of_many_follows_projects_and_another_one_when_its_connection_is_lost(
    server: PostgresqlServer,
) -> None:
    address = server.new_history()
    with closing(Database(address)) as first, closing(Database(address)) as second:
        assert first.claim()
        assert first.claim()
        assert not second.claim()
        with psycopg.connect(server.address().with_credentials, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 8418"
            )
            while connection.execute("SELECT 1 FROM pg_locks WHERE classid = 8418 AND granted").fetchone():
                pass
        assert second.claim()
        assert not first.claim()
    # Two histories in one database know nothing of each other.
    with closing(Database(server.new_history())) as other:
        assert other.claim()


def end_claims_on_files(server: PostgresqlServer) -> None:
    """Cut the connections that hold claims on files: their locks have one number, and not two."""
    held = "locktype = 'advisory' AND objsubid = 1"
    with psycopg.connect(server.address().with_credentials, autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {held}")
        while connection.execute(f"SELECT 1 FROM pg_locks WHERE {held}").fetchone():
            pass


def test_one_of_all_machines_holds_the_claim_on_a_file_until_it_lets_go_or_is_lost(
    server: PostgresqlServer,
) -> None:
    address = server.new_history()
    with SqlHistory(address) as first, SqlHistory(address) as second:
        assert first.try_claim_file("a")
        assert not first.try_claim_file("a")  # a thread of the same process
        assert not second.try_claim_file("a")
        assert second.try_claim_file("b")
        assert first.leave_file("a")
        assert second.try_claim_file("a")
        end_claims_on_files(server)
        assert first.try_claim_file("c")  # over another connection
        assert first.try_claim_file("a")
        assert not second.leave_file("a")  # it finds out that it was lost
        assert not second.try_claim_file("a")
    with SqlHistory(server.new_history()) as other, SqlHistory(address) as third:
        assert other.try_claim_file("a")  # of another mirror in the same database
        assert third.try_claim_file("a")  # those above have ended


def holder_of_claims(server: PostgresqlServer) -> int:
    """The process of the server in which the one connection lives that holds claims on files."""
    held = "locktype = 'advisory' AND objsubid = 1"
    end = time.monotonic() + 60
    with psycopg.connect(server.address().with_credentials, autocommit=True) as connection:
        while True:
            found = connection.execute(f"SELECT DISTINCT pid FROM pg_locks WHERE {held}").fetchall()
            if len(found) == 1:  # one that was lost may take a moment to end
                return int(found[0][0])
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_server_that_hangs_is_given_up_and_takes_the_claims_with_it(
    server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachi2ish.mirror.history.engines.server_claims._PATIENCE", 1.0)
    with SqlHistory(server.new_history()) as history, ThreadPoolExecutor(4) as downloads:

        def is_refused(key: str) -> bool:
            try:
                history.try_claim_file(key)
            except StorageError:
                return True
            return False

        assert history.try_claim_file("a")
        pid = holder_of_claims(server)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert is_refused("b")
            assert history.try_claim_file("b")  # over a new connection
            assert not history.leave_file("a")
        finally:
            os.kill(pid, signal.SIGCONT)
        pid = holder_of_claims(server)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert any(downloads.map(is_refused, "cdef"))  # each ends, though one waits
        finally:
            os.kill(pid, signal.SIGCONT)


def cachi2ish(address: Address, directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    places = ("--directory", str(directory), "--database", address.with_credentials)
    line = [str(BIN / "cachi2ish"), "mirror", *command, *places]
    return subprocess.run(line, env=clean_environment(), capture_output=True, text=True, check=False)


def test_a_database_without_a_history_is_given_one_only_by_what_begins_a_mirror(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    address = server.new_schema()
    with psycopg.connect(address.with_credentials, autocommit=True) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
        asking = (("freeze", "2024-01-01"), ("prune",), ("prune", "apple"), ("status",), ("sync",), ("verify",))
        for command in asking:
            done = cachi2ish(address, tmp_path, *command)
            assert done.returncode == ExitCode.INPUT, done.stderr
            assert "there is no history in postgresql://127.0.0.1" in done.stderr
            assert "mirror serve, track, import and copy begin one" in done.stderr
            assert connection.execute(tables).fetchone() == (0,)
        assert cachi2ish(address, tmp_path, "track", "apple").returncode == 0
        assert cachi2ish(address, tmp_path, "prune", "apple").returncode == 0


def test_who_looks_for_files_elsewhere_than_the_others_is_told_so(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    address = server.new_history()
    with SqlHistory(address) as history:
        assert history.record_files_place("s3://it's 100% there:x/a", replace=True) is None
        assert history.record_files_place("s3://bucket/files", replace=True) == "s3://it's 100% there:x/a"
        for _ in range(2):  # at each start, and not at the first alone
            told = cachi2ish(address, tmp_path, "sync")
            assert told.returncode == 0
            assert "files of this mirror are in s3://bucket/files, and this machine has its own" in told.stderr
            assert "give it --files s3://bucket/files" in told.stderr
        assert history.record_files_place("s3://bucket/files", replace=True) == "s3://bucket/files"
        assert history.verify() == ()


def test_a_disk_alone_is_recorded_only_where_nothing_is(server: PostgresqlServer) -> None:
    with SqlHistory(server.new_history()) as history:
        assert history.record_files_place("disks", replace=False) is None
        assert history.record_files_place("s3://files", replace=True) == "disks"
        assert history.record_files_place("disks", replace=False) == "s3://files"
        assert history.record_files_place("disks", replace=False) == "s3://files"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((PASSWORD, "wrong-one"), "password authentication failed"),
        (("/postgres?", "/nothing?"), 'database "nothing" does not exist'),
        (("postgres?", "postgres?nonsense=1&"), "is not the address of a database"),
    ],
    ids=["password", "database", "parameter"],
)
def test_a_database_that_cannot_be_used_is_named_without_the_password(
    server: PostgresqlServer, change: tuple[str, str], said: str
) -> None:
    address = Address(server.new_schema().with_credentials.replace(*change))
    with pytest.raises((StorageError, InputError)) as refused:
        Database(address)
    assert said in str(refused.value)
    assert refused.value.hint
    assert PASSWORD not in f"{refused.value}{refused.value.hint}"
    assert "wrong-one" not in f"{refused.value}{refused.value.hint}"


def test_a_database_that_cannot_hold_every_name_is_refused() -> None:
    with PostgresqlServer(encoding="SQL_ASCII") as server, pytest.raises(StorageError, match="need UTF8"):
        Database(server.address())
