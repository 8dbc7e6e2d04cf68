"""Gives a server of PostgreSQL up that takes what it is asked, and does not answer.

The kernel finds out that a line is dead. Where the processes of a server are stopped, or its machine is behind a
proxy, some kernel acknowledges all; and a statement may take long by itself. So who has waited for some seconds
asks over another connection whether anybody is there.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator
from contextlib import closing
from threading import Lock
from typing import Any, Self, TypeVar

import psycopg

_Returned = TypeVar("_Returned")

#: Seconds without an answer after which the server is asked whether it is there, and for which that is good.
_PATIENCE = 5.0

#: Seconds within which it says so.
_ANSWER_TIME = 5


class ServerSilentError(psycopg.OperationalError):
    """The server does not answer."""

    def __init__(self) -> None:
        super().__init__("the server does not answer")


class Silence:
    """Whether a server answers, as all connections of a process find it. Safe to use from many threads.

    Where it does not, who waits is released, and nobody waits any more: one asks again in a while. clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asking = Lock()
        self._tried_at: float | None = None
        self._silent = False
        self._is_there: Callable[[], bool] = lambda: True

    def connect(self, *arguments: Any, **parameters: Any) -> psycopg.Connection[Any]:  # noqa: ANN401  (the driver's)
        """Return a new connection, which is given up where the server is silent. Raises `psycopg.Error`."""
        self._is_there = lambda: _is_there(arguments, parameters)
        self.expect_answers()
        try:
            return _WatchedConnection.connect(*arguments, **parameters).watched_by(self)
        except psycopg.errors.ConnectionTimeout:
            self._silent, self._tried_at = True, self._clock()
            raise ServerSilentError from None

    def expect_answers(self) -> None:
        """Raise `ServerSilentError` where the server did not answer, and does not do so now."""
        if self._silent:
            self._ask()
            if self._silent:
                raise ServerSilentError

    def watching(self, steps: Generator[Any, Any, _Returned]) -> Generator[Any, Any, _Returned]:
        """Take the steps of an exchange with the server; raise `ServerSilentError` where they come to nothing.

        Of a step that waits the driver tells several times a second that there is nothing yet.
        """
        self.expect_answers()
        begun = self._clock()
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if ready:
                    begun = self._clock()
                elif self._silent:
                    raise ServerSilentError
                elif self._clock() - begun > _PATIENCE:
                    self._ask()
                wanted = steps.send(ready)
        except StopIteration as end:
            returned: _Returned = end.value
            return returned

    def _ask(self) -> None:
        """Ask whether the server is there, unless somebody does, or has done so just now."""
        if not self._asking.acquire(blocking=False):
            return
        try:
            if self._tried_at is None or self._clock() - self._tried_at > _PATIENCE:
                self._silent = not self._is_there()
                self._tried_at = self._clock()
        finally:
            self._asking.release()


class _WatchedConnection(psycopg.Connection[Any]):
    """A connection that is closed where its server is silent."""

    _silence: Silence

    def watched_by(self, silence: Silence) -> Self:
        self._silence = silence
        return self

    def wait(self, gen: Generator[Any, Any, _Returned], *more: Any, **named: Any) -> _Returned:  # noqa: ANN401  (the driver's)
        silence: Silence | None = getattr(self, "_silence", None)
        if silence is None:
            return super().wait(gen, *more, **named)
        try:
            return super().wait(silence.watching(gen), *more, **named)
        except ServerSilentError:
            self.close()
            raise


def _is_there(arguments: tuple[Any, ...], parameters: dict[str, Any]) -> bool:
    """Return whether a server says anything at all over a new connection."""
    try:
        with closing(psycopg.connect(*arguments, **{**parameters, "connect_timeout": _ANSWER_TIME})) as connection:
            connection.pgconn.send_query(b"SELECT 1")
            connection.pgconn.flush()
            answers = select.poll()
            answers.register(connection.fileno(), select.POLLIN)
            return bool(answers.poll(_ANSWER_TIME * 1000))
    except psycopg.errors.ConnectionTimeout:
        return False
    except psycopg.Error:  # it refuses, and who waits is told so
        return True
