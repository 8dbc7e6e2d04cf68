"""Gives a server of PostgreSQL up that takes what it is asked, and does not answer.

The kernel finds out that a line is dead. Where the processes of a server are stopped, or its machine is behind a
proxy, some kernel acknowledges all; and a statement may take long by itself. So who has waited for some seconds
asks over another line whether anybody is there. A login says less: it may hang elsewhere (LDAP, PAM, a load
balancer that lets nobody in any more) while the connections that are open do their work.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from threading import Lock
from typing import Any, Self, TypeVar

import psycopg
from psycopg.waiting import Ready

_Returned = TypeVar("_Returned")

#: Seconds without an answer after which the server is asked whether it is there, and for which that is good.
_PATIENCE = 5.0

#: Seconds within which it says so.
_ANSWER_TIME = 5.0

#: The one message that a server answers before it knows who asks, with one byte (protocol 3.0, SSLRequest).
_SSL_REQUEST = bytes((0, 0, 0, 8, 4, 210, 22, 47))


class ServerSilentError(psycopg.OperationalError):
    """The server does not answer."""

    def __init__(self) -> None:
        super().__init__("the server does not answer")


class SlowLoginError(psycopg.OperationalError):
    """The server answers, and lets nobody in."""

    def __init__(self) -> None:
        super().__init__("the server answers, but no login came to an end in time")


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a connection leads, as sockets have it."""

    family: int
    address: Any

    def answers(self) -> bool:
        """Return whether somebody there says anything at all over a new connection, be it a refusal."""
        try:
            with socket.socket(self.family, socket.SOCK_STREAM) as line:
                line.settimeout(_ANSWER_TIME)
                line.connect(self.address)
                line.sendall(_SSL_REQUEST)
                line.recv(1)
        except (TimeoutError, BlockingIOError):  # the latter where nobody takes connections from a Unix socket
            return False
        except OSError:
            return True
        return True


class Liveness:
    """Whether a server answers, as all connections of a process find it. Safe to use from many threads.

    It is silent where somebody has waited, a new line is not answered, and no other connection was meanwhile. Who
    waits is released then, and nobody waits any more but for one at a time, who tries. Any answer ends that.

    clock: seconds. answers: asks over a new line.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, answers: Callable[[Peer], bool] = Peer.answers
    ) -> None:
        self._clock, self._answers = clock, answers
        self._asking, self._trying = Lock(), Lock()
        self._answered_at = self._probed_at = self._tried_at = -inf
        self._silent = False
        self._peer: Peer | None = None

    def connect(self, *arguments: Any, **parameters: Any) -> psycopg.Connection[Any]:  # noqa: ANN401  (the driver's)
        """Return a new connection, which is given up where the server is silent. Raises `psycopg.Error`."""
        with self._admitted():
            begun = self._clock()
            try:
                made = _WatchedConnection.connect(*arguments, **parameters)
            except psycopg.errors.ConnectionTimeout:
                with self._asking:  # who waited for the same reason has the same answer
                    self._ask(self._peer, begun)
                self._tried_at = self._clock()
                raise (ServerSilentError if self._silent else SlowLoginError) from None
            except psycopg.Error:
                self._silent = False  # it refuses, and who comes is told so at once
                raise
            self._note_answer()
            self._peer = _peer_of(made)
            return made.watched_by(self)

    def watching(
        self, steps: Generator[Any, Any, _Returned], peer: Callable[[], Peer | None]
    ) -> Generator[Any, Any, _Returned]:
        """Take the steps of an exchange with the server; raise `ServerSilentError` where they come to nothing.

        Of a step that waits the driver tells several times a second that there is nothing yet. peer: tells where
        the connection leads.
        """
        with self._admitted() as tries:
            begun = self._clock()
            try:
                wanted = next(steps)
                while True:
                    ready = yield wanted
                    if ready:
                        begun = self._clock()
                        if ready & Ready.R:
                            self._note_answer()
                    elif self._silent and (not tries or self._clock() - begun > _PATIENCE):
                        raise ServerSilentError
                    elif self._clock() - begun > _PATIENCE and self._asking.acquire(blocking=False):
                        try:
                            self._ask(peer() or self._peer, self._clock())
                        finally:
                            self._asking.release()
                    wanted = steps.send(ready)
            except StopIteration as end:
                returned: _Returned = end.value
                return returned

    @contextmanager
    def _admitted(self) -> Iterator[bool]:
        """Raise `ServerSilentError` where the server is silent; let one at a time try it all the same.

        Yield whether this is the one.
        """
        if not self._silent:
            yield False
            return
        if self._clock() - self._tried_at <= _PATIENCE or not self._trying.acquire(blocking=False):
            raise ServerSilentError
        try:
            yield True
        finally:
            self._trying.release()

    def _ask(self, peer: Peer | None, since: float) -> None:
        """Find out whether the server is there, unless somebody has done so just now.

        since: an answer to anybody after this shows it, too. No line tells anything before there was one.
        """
        if self._clock() - self._probed_at <= _PATIENCE:
            return
        self._silent = peer is None or not self._answers(peer)
        self._probed_at = self._clock()
        if self._answered_at >= since:  # looked at last: who has an answer writes it down first
            self._silent = False

    def _note_answer(self) -> None:
        self._answered_at = self._clock()
        self._silent = False


class _WatchedConnection(psycopg.Connection[Any]):
    """A connection that is closed where its server is silent."""

    _liveness: Liveness

    def watched_by(self, liveness: Liveness) -> Self:
        self._liveness = liveness
        return self

    def wait(self, gen: Generator[Any, Any, _Returned], *more: Any, **named: Any) -> _Returned:  # noqa: ANN401  (the driver's)
        liveness: Liveness | None = getattr(self, "_liveness", None)
        if liveness is None:
            return super().wait(gen, *more, **named)
        try:
            return super().wait(liveness.watching(gen, lambda: _peer_of(self)), *more, **named)
        except ServerSilentError:
            self.close()
            raise


def _peer_of(connection: psycopg.Connection[Any]) -> Peer | None:
    """Return where a connection leads; None for one that is broken, of which the driver finds out."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        return Peer(line.family, line.getpeername())
    return None
