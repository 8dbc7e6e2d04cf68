"""A real PostgreSQL that hangs, ends, or is busy with others while a history in it is read and written."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from conftest import new_postgresql
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from test_mirror_database import listed_names, lived

from cachi2ish.core.urls import Address
from cachi2ish.errors import StorageError
from cachi2ish.mirror.history.engines import liveness, postgresql_database
from cachi2ish.mirror.history.engines.database import Database
from cachi2ish.mirror.history.engines.postgresql_database import PostgresqlDatabase
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.history.tables import registry
from cachi2ish.mirror.records import Registry
from tests.support.loopback_server import LoopbackServer, pass_between
from tests.support.postgresql import PostgresqlServer


def be_impatient(monkeypatch: pytest.MonkeyPatch, answer_time: float) -> None:
    monkeypatch.setattr(liveness, "_PATIENCE", 0.5)
    monkeypatch.setattr(liveness, "_ANSWER_TIME", answer_time)
    monkeypatch.setitem(postgresql_database._PATIENCE, "connect_timeout", 2)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with new_postgresql() as started:
        yield started


def test_a_server_that_says_nothing_lets_nobody_wait_and_is_asked_again_by_one(
    server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, answer_time=0.5)
    with SqlHistory(server.new_history()) as history, ThreadPoolExecutor(24) as readers:

        def refusal(_number: int) -> str:
            try:
                history.registries()
            except StorageError as error:
                return error.problem
            return ""

        lived(history)
        assert set(readers.map(refusal, range(24))) == {""}
        with server.silent():
            for _ in range(4):
                told = set(readers.map(refusal, range(100)))
                assert len(told) == 1, told
                assert "cannot be used: the server does not answer" in told.pop()
            with pytest.raises(StorageError, match="does not answer"):
                history.configure(Registry(name="pypi", url="https://other.example/"))
        end = time.monotonic() + 60
        while refusal(0):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert set(readers.map(refusal, range(24))) == {""}
        assert history.verify() == ()


def test_a_statement_that_takes_long_is_waited_for_while_its_server_answers(
    server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "_PATIENCE", 0.2)
    with (
        closing(PostgresqlDatabase(server.new_history(), read_only=False)) as database,
        database.engine.connect() as connection,
    ):
        assert connection.execute(text("SELECT 7 FROM pg_sleep(2)")).scalar_one() == 7


class Relay(LoopbackServer):
    """A way to a server, like a load balancer.

    taking: whether new connections get further than to it. logins: whether they get further than the first answer
    of the server, as where LDAP hangs.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target, self.taking, self.logins = port, True, True

    def serve(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as server, self.cuttable(server):
            if self.taking and self.logins:
                pass_between(connection, server)
            elif self.taking:
                server.sendall(connection.recv(8))
                connection.sendall(server.recv(1))
            while connection.recv(1024):
                pass


@contextmanager
def relayed(server: PostgresqlServer, address: Address) -> Iterator[tuple[Relay, Address]]:
    with Relay(server.port) as relay:
        yield relay, Address(address.with_credentials.replace(f":{server.port}/", f":{relay.port}/"))


def test_where_logins_hang_the_connections_that_are_open_do_their_work(
    server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, answer_time=1)
    with (
        relayed(server, server.new_history()) as (relay, address),
        closing(PostgresqlDatabase(address, read_only=False)) as database,
        ThreadPoolExecutor(2) as others,
    ):
        one = text("SELECT 7 FROM pg_sleep(:seconds)")

        def asked(connection: Connection, seconds: float) -> object:
            return connection.execute(one, {"seconds": seconds}).scalar_one()

        def login() -> None:
            with database.engine.connect():
                pass

        with database.engine.connect() as first, database.engine.connect() as second:
            assert (asked(first, 0), asked(second, 0)) == (7, 7)
            relay.taking = False
            long, hung = others.submit(asked, first, 4), others.submit(login)
            while not long.done():
                assert asked(second, 0.1) == 7
            assert long.result() == 7
            with pytest.raises(OperationalError, match="the server answers, but no login"):
                hung.result()


def test_a_long_statement_is_waited_for_while_all_logins_hang_at_a_server_that_answers(
    server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, answer_time=2)
    with (
        relayed(server, server.new_history()) as (relay, address),
        closing(PostgresqlDatabase(address, read_only=False)) as database,
        database.engine.connect() as connection,
        ThreadPoolExecutor(1) as others,
    ):
        relay.logins = False
        hung = others.submit(database.engine.connect)
        assert connection.execute(text("SELECT 7 FROM pg_sleep(4)")).scalar_one() == 7
        with pytest.raises(OperationalError, match="the server answers, but no login"):
            hung.result()


def test_a_server_that_lets_nobody_in_is_asked_over_a_connection_that_is_open(
    server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "_PATIENCE", 0.5)
    monkeypatch.setattr(liveness, "_ANSWER_TIME", 0.5)
    with (
        relayed(server, server.new_history()) as (relay, address),
        closing(PostgresqlDatabase(address, read_only=False)) as database,
        database.engine.connect() as waiting,
        database.engine.connect() as idle,
    ):
        relay.taking = False
        with pytest.raises(OperationalError, match="does not answer"):  # nothing shows otherwise
            waiting.execute(text("SELECT pg_sleep(3)"))
        for _ in range(3):
            assert idle.execute(text("SELECT 7")).scalar_one() == 7


def test_a_line_that_is_dead_ends_connections_as_the_address_says(server: PostgresqlServer) -> None:
    address = server.new_history()
    own = Address(f"{address.with_credentials}&keepalives_idle=77&connect_timeout=33")
    for one, idle, login in ((address, "10", "10"), (own, "77", "33")):
        with (
            closing(PostgresqlDatabase(one, read_only=False)) as database,
            database.engine.connect() as connection,
        ):
            driver = connection.connection.driver_connection
            assert driver is not None
            assert driver.info.get_parameters()["tcp_user_timeout"] == "10000"
            assert driver.info.get_parameters()["keepalives_idle"] == idle
            assert driver.info.get_parameters()["connect_timeout"] == login


def test_a_server_that_was_started_again_is_asked_again(server: PostgresqlServer) -> None:
    with SqlHistory(server.new_history()) as history:
        lived(history)
        server.stop()
        with pytest.raises(StorageError) as refused:
            history.registries()
        assert "cannot be used" in str(refused.value)
        server.start()
        assert listed_names(history) == {"apple-1.0.tar.gz"}


def test_a_copy_locks_no_tables_of_others_and_waits_for_none_of_their_locks(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    address = server.new_schema()
    server.execute("CREATE TABLE IF NOT EXISTS others (x int)")
    with (
        SqlHistory(tmp_path / "history.sqlite") as history,
        psycopg.connect(server.address().with_credentials) as other,
    ):
        lived(history)
        other.execute("LOCK TABLE others IN SHARE UPDATE EXCLUSIVE MODE")  # as a vacuum, or an index that is made
        assert history.copy_to(address) > 0
        analyzed = "SELECT relname FROM pg_class WHERE reltuples > 0 AND relnamespace = %s::regnamespace"
        found = other.execute(analyzed, [str(address).rpartition("%3D")[2]])
        assert {"file", "project"} <= {name for (name,) in found}
        (seen,) = other.execute("SELECT reltuples FROM pg_class WHERE relname = 'others'").fetchone() or ()
        assert seen == -1  # nobody has counted its rows


ROW = (1, "pypi", "https://index.example/" * 50, "exclude", False, 1, 1)


def cut_copy(address: Address, cut: Callable[[Connection], object]) -> StorageError:
    """Return what is said of a COPY when something happens in the midst of it."""

    def rows(connection: Connection) -> Iterator[tuple[object, ...]]:
        for number in range(100_000):
            if number == 1000:
                cut(connection)
            yield (number, f"{number}", *ROW[2:])

    def copy(database: Database) -> None:
        with database.writing() as connection:
            database.kind.bulk_insert(connection, registry, rows(connection))

    with closing(Database(address)) as database, pytest.raises(StorageError) as caught:
        copy(database)
    return caught.value


def test_of_a_copy_that_is_cut_the_reason_is_told(
    server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(liveness, "_PATIENCE", 0.5)
    monkeypatch.setattr(liveness, "_ANSWER_TIME", 0.5)
    address = server.new_history()

    def end(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        server.execute(f"SELECT pg_terminate_backend({driver.info.backend_pid}, 10000)")

    said = cut_copy(address, end)
    assert "server closed the connection unexpectedly" in said.problem
    assert "createdb" not in (said.hint or "")
    with ExitStack() as until:
        said = cut_copy(address, lambda _connection: until.enter_context(server.silent()))
    assert said.problem.endswith("the server does not answer")
    assert "createdb" not in (said.hint or "")
    assert [one for one in caplog.records if one.name == "psycopg"] == []
    with SqlHistory(address) as history:
        assert history.registries() == ()


def test_of_a_copy_whose_rows_do_not_fit_the_reason_is_told(server: PostgresqlServer) -> None:
    with closing(Database(server.new_history())) as database:
        with pytest.raises(StorageError, match="duplicate key"), database.writing() as connection:
            database.kind.bulk_insert(connection, registry, [ROW, ROW])
        with database.writing() as connection:
            assert database.kind.bulk_insert(connection, registry, [ROW]) == 1
