"""Claims on files among all machines of a mirror: advisory locks of PostgreSQL, which end with who holds them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as TooLongError

#: Seconds for which a download waits for an answer, and for other downloads that wait for one.
_PATIENCE = 5.0

#: Seconds within which a server that is there ends a request over a connection that is not.
_AT_ONCE = 0.5

#: A machine that is cut off is given up by the server after about a minute: it keeps the lock until then.
_PROBING = (
    "SELECT set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),"
    " set_config('tcp_keepalives_count', '3', false), set_config('statement_timeout', '5s', false)"
)

#: The schema is a part of the name, so that one database may have several mirrors.
_NAME = "hashtextextended(current_schema() || '/' || :key, 8419)"


class ServerClaims:
    """The claims of one process, all on one connection of its own. Safe to use from many threads.

    A connection that is lost takes all claims with it: others may take them then, and who held one finds that out
    when it lets go. A server that does not answer in time has lost the connection.

    engine: makes connections, and keeps none; closed with this.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._guard = Lock()

    def try_claim(self, key: str) -> bool:
        """Return whether the claim is held now. Raises `SQLAlchemyError` where nobody can tell."""
        with self._alone():
            if key in self._held:  # the server would give it to this connection again
                return False
            held = bool(self._ask("pg_try_advisory_lock", key))
            if held:
                self._held.add(key)
            return held

    def leave(self, key: str) -> bool:
        """Let go of a claim; return False where it was lost meanwhile. Raises `SQLAlchemyError`."""
        with self._alone():
            if key not in self._held:
                return False
            self._held.discard(key)
            return bool(self._ask("pg_advisory_unlock", key))

    def close(self) -> None:
        """Let go of all claims."""
        with self._guard:
            self._lose()
        self._engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._guard.acquire(timeout=_PATIENCE):
            raise TooLongError("the server does not answer")
        try:
            yield
        finally:
            self._guard.release()

    def _ask(self, function: str, key: str) -> object:
        was_open, start = self._connection is not None, time.monotonic()
        try:
            return self._ask_once(function, key)
        except SQLAlchemyError:
            if not was_open or time.monotonic() - start >= _AT_ONCE:
                raise
        # A server that was started again has ended the connection, and answers over another one.
        return self._ask_once(function, key)

    def _ask_once(self, function: str, key: str) -> object:
        if self._connection is None:
            self._connection = self._opened()
        try:
            statement = text(f"SELECT {function}({_NAME})")
            with _in_time(self._connection):
                return self._connection.execute(statement, {"key": key}).scalar_one()
        except SQLAlchemyError:
            self._lose()
            raise

    def _opened(self) -> Connection:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with _in_time(connection):
                connection.execute(text(_PROBING))
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def _lose(self) -> None:
        self._held.clear()
        if self._connection is not None:
            self._connection.invalidate()  # the locks end with it
            self._connection.close()
            self._connection = None


@contextmanager
def _in_time(connection: Connection) -> Iterator[None]:
    """Cut the line of a connection that is not done with the block in time: libpq would wait for ever."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise SQLAlchemyError("the connection is closed")
    with socket.socket(fileno=os.dup(driver.fileno())) as line:
        timer = Timer(_PATIENCE, _cut, [line])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(line: socket.socket) -> None:
    with suppress(OSError):  # it was in time, by a hair
        line.shutdown(socket.SHUT_RDWR)
