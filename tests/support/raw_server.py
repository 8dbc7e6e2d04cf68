"""A socket on loopback that says exactly what it is told to, one answer for each connection."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from tests.support.loopback_server import LoopbackServer, head_of


class RawServer(LoopbackServer):
    """Answers the n-th connection with the n-th of ``answers``, byte for byte, and closes it; takes no other.

    An answer that others follow should say ``Connection: close``, or a client may try to use it again.
    """

    def __init__(self, answers: Iterable[bytes]) -> None:
        super().__init__()
        self._answers = tuple(answers)
        self.url = self.endpoint
        self.requests: list[bytes] = []

    def run(self) -> None:
        for answer, connection in zip(self._answers, self.connections(), strict=False):
            with suppress(ConnectionError), self.cuttable(connection):
                self.requests.append(head_of(connection))
                connection.sendall(answer)
