"""Claims on files among all machines of a mirror: advisory locks of PostgreSQL, which end with who holds them."""

from __future__ import annotations

from threading import Lock

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

#: A machine that is cut off is given up by the server after about a minute: it keeps the lock until then.
_PROBING = (
    "SELECT set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)

#: The schema is a part of the name, so that one database may have several mirrors.
_NAME = "hashtextextended(current_schema() || '/' || :key, 8419)"


class ServerClaims:
    """The claims of one process, all on one connection of its own. Safe to use from many threads.

    A connection that is lost takes all claims with it: others may take them then, and who held one finds that out
    when it lets go.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._guard = Lock()

    def try_claim(self, key: str) -> bool:
        """Return whether the claim is held now. Raises `SQLAlchemyError` where nobody can tell."""
        with self._guard:
            if key in self._held:  # the server would give it to this connection again
                return False
            held = bool(self._ask("pg_try_advisory_lock", key))
            if held:
                self._held.add(key)
            return held

    def leave(self, key: str) -> bool:
        """Let go of a claim; return False where it was lost meanwhile. Raises `SQLAlchemyError`."""
        with self._guard:
            if key not in self._held:
                return False
            self._held.discard(key)
            return bool(self._ask("pg_advisory_unlock", key))

    def close(self) -> None:
        """Let go of all claims."""
        with self._guard:
            self._lose()

    def _ask(self, function: str, key: str) -> object:
        if self._connection is None:
            self._connection = self._opened()
        try:
            statement = text(f"SELECT {function}({_NAME})")
            return self._connection.execute(statement, {"key": key}).scalar_one()
        except SQLAlchemyError:
            self._lose()
            raise

    def _opened(self) -> Connection:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
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
