"""What a case asked of the server, counted from the server's log."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: How both servers write a request: connection, status, bytes of the body, target.
LOG_FORMAT = "$connection $status $body_bytes_sent $request_uri"

_QUIET = 0.15  # seconds without a new line after which the log is complete
_PATIENCE = 5.0


@dataclass(frozen=True)
class Traffic:
    """Requests, the connections they came over, bytes of all bodies as sent, and requests that were refused."""

    requests: int
    connections: int
    sent: int
    refused: int


def count(lines: Iterable[str]) -> Traffic:
    """Count lines of LOG_FORMAT."""
    connections: set[str] = set()
    requests = sent = refused = 0
    for line in lines:
        connection, status, size, _ = line.split(" ", 3)
        connections.add(connection)
        requests += 1
        sent += int(size)
        refused += int(status) >= 400
    return Traffic(requests, len(connections), sent, refused)


@dataclass(frozen=True)
class Mark:
    """A place in the log: what a case asks comes behind it."""

    log: Path
    offset: int

    @classmethod
    def at_end(cls, log: Path) -> Mark:
        return cls(log, _size(log))

    def traffic(self) -> Traffic:
        """Count what has been asked since. A server writes a line when a request ends: wait until none comes."""
        deadline, size = time.monotonic() + _PATIENCE, -1
        while size != (size := _size(self.log)) and time.monotonic() < deadline:
            time.sleep(_QUIET)
        if not size:
            return Traffic(0, 0, 0, 0)
        with self.log.open() as lines:
            lines.seek(self.offset)
            return count(lines)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0
