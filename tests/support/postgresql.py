"""A real PostgreSQL of the tests' own: Debian's, on loopback and in a folder that goes with it.

with PostgresqlServer() as server:
    ... SqlHistory(server.new_history()) ...
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy import create_engine, text

from cachi2ish.core.urls import Address
from cachi2ish.mirror.history.engines.database import HEAD
from cachi2ish.mirror.history.tables import metadata

PASSWORD = "let-me-in-7"

#: As root it does not start; Debian's package brings this user.
_USER = "postgres"


def programs() -> Path:
    """The folder of the newest PostgreSQL here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise FileNotFoundError("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    return found[-1].parent


class PostgresqlServer:
    """One server; a context manager. Its folder is gone afterwards.

    encoding: of its databases. durable: whether it waits for the disk, as a real one does. kept: its folder, which
    stays, and where one may have been before; the user who runs it needs a way there.
    """

    def __init__(self, *, encoding: str = "UTF8", durable: bool = False, kept: Path | None = None) -> None:
        self._encoding, self._durable, self._kept = encoding, durable, kept
        self._count = 0

    def __enter__(self) -> Self:
        # Not below pytest's folder, which is root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-")) if self._kept is None else self._kept
        self.folder.mkdir(parents=True, exist_ok=True)
        self._as_user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] * (os.getuid() == 0)
        if self._as_user:
            user = pwd.getpwnam(_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if not (self.folder / "data").exists():
            self._make()
        self.start()
        return self

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._call(
            "initdb",
            "--username=owner",
            "--no-sync",
            "--locale=C",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            f"--encoding={self._encoding}",
            f"--pwfile={password}",
            f"--pgdata={self.folder / 'data'}",
        )

    def __exit__(self, *_: object) -> None:
        self.stop("immediate" if self._kept is None else "fast")
        if self._kept is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        fast = "" if self._durable else "-F -c synchronous_commit=off -c full_page_writes=off"
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=200 {fast}"
        data, log = self.folder / "data", self.folder / "log"
        self._call("pg_ctl", "start", "--wait", "--pgdata", data, "--log", log, "--options", options)

    def stop(self, mode: str = "fast") -> None:
        self._call("pg_ctl", "stop", "--wait", "--mode", mode, "--pgdata", self.folder / "data")

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let all of its processes stand still within the block; the kernel takes what they are sent."""
        numbers = [int((self.folder / "data/postmaster.pid").read_text().split()[0])]
        os.kill(numbers[0], signal.SIGSTOP)  # first: it makes no others then
        children = Path(f"/proc/{numbers[0]}/task/{numbers[0]}/children").read_text().split()
        numbers += map(int, children)
        for number in numbers[1:]:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in reversed(numbers):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGCONT)

    def address(self, *, user: str = "owner", password: str = PASSWORD, database: str = "postgres") -> Address:
        return Address(f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}")

    def new_schema(self) -> Address:
        """Return the address of a place in the database that is empty."""
        self._count += 1
        name = f"history_{self._count}"
        self.execute(f"CREATE SCHEMA {name}")
        return Address(f"{self.address().with_credentials}?options=-csearch_path%3D{name}")

    def new_history(self) -> Address:
        """Return the address of a history in which nothing is known: made without Alembic, which takes longer."""
        address = self.new_schema()
        engine = create_engine(address.with_credentials.replace("postgresql:", "postgresql+psycopg:", 1))
        with engine.begin() as connection:
            metadata.create_all(connection, checkfirst=False)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        engine.dispose()
        return address

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.address().with_credentials, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _call(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [*self._as_user, programs() / program, *map(str, arguments)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            check=False,
            text=True,
        )
        assert done.returncode == 0, (program, done.stderr)
