"""Connections that are metered: what goes over them is counted, and what goes on too long is ended.

The meter is where the bytes come from the socket, so that headers, compressed pages, chunked answers, files and
what is thrown away are all counted once and as they were sent.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from cachi2ish.core.urls import host_of
from cachi2ish.http.traffic import HttpTraffic

#: Seconds for the rest of an answer that is read only so that its connection can be used again.
_DRAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take, whose server sends some bytes now and then. Times in seconds.

    silence: until the headers are complete, 1xx answers included. After that, for each so many seconds of waiting
    there must have been ``least_speed`` bytes a second.
    """

    silence: float
    least_speed: float


class _Metered(io.RawIOBase):
    """The bytes of one answer as they arrive. Raises `TimeoutError` where the server wears out our patience."""

    def __init__(self, raw: io.RawIOBase, traffic: HttpTraffic, host: str, patience: Patience) -> None:
        self._raw = raw
        self._traffic = traffic
        self._host = host
        self._patience = patience
        self._deadline: float | None = traffic.clock() + patience.silence
        self._waited = 0.0
        self._received = 0
        traffic.opened(host)

    def begin_body(self) -> None:
        """Note that the headers are complete: from now on the speed counts."""
        self._deadline = None

    def drain(self) -> None:
        """Note that nobody needs the rest."""
        self._deadline = self._traffic.clock() + _DRAIN_SECONDS

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  (any writable buffer)
        since, size = self._traffic.clock(), 0
        if self._deadline is not None and since > self._deadline:
            raise TimeoutError("the answer takes too long")
        try:
            size = self._raw.readinto(buffer) or 0
        finally:
            self._traffic.arrived(self._host, size, since)
        if self._deadline is None:
            self._judge_speed(self._traffic.clock() - since, size)
        return size

    def _judge_speed(self, seconds: float, size: int) -> None:
        self._waited += seconds
        self._received += size
        if self._waited < self._patience.silence:
            return
        if size and self._received < self._patience.least_speed * self._waited:
            raise TimeoutError("the answer comes too slowly")
        self._waited, self._received = 0.0, 0

    def close(self) -> None:
        if not self.closed:
            self._traffic.closed(self._host)
            self._raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """An answer that is metered. metered: puts the meter between the socket and its buffer."""

    def __init__(self, *args: Any, metered: Callable[[io.RawIOBase], _Metered], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._meter = metered(self.fp.detach())
        self.fp: Any = io.BufferedReader(self._meter)

    def begin(self) -> None:
        """Read the headers; `http.client` calls it."""
        super().begin()
        self._meter.begin_body()

    def drain(self) -> None:
        """Allow no more than a moment for the rest, which nobody needs."""
        self._meter.drain()


class _Connection(HTTPConnection):
    """A connection that is metered. traffic: counts. patience: with each answer."""

    def __init__(self, *args: Any, traffic: HttpTraffic, patience: Patience, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._traffic = traffic
        self._patience = patience
        self._requested_host: str | None = None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        # A proxy is given the whole address of what it is to fetch.
        self._requested_host = host_of(url) if "://" in url else None
        try:
            super().request(method, url, *args, **kwargs)
        finally:
            if self.sock is not None:  # else nobody was there
                self._traffic.requested(self._peer)

    def getresponse(self) -> Any:  # noqa: ANN401  (urllib3 and http.client disagree)
        since = self._traffic.clock()
        try:
            return super().getresponse()
        finally:
            self._traffic.answered(self._peer, self._traffic.clock() - since)

    def response_class(self, *args: Any, **kwargs: Any) -> Answer:  # type: ignore[override]  # noqa: ANN401
        """Make an answer; `http.client` looks for a class by this name."""
        metered = partial(_Metered, traffic=self._traffic, host=self._peer, patience=self._patience)
        return Answer(*args, metered=metered, **kwargs)

    def _new_conn(self) -> Any:  # noqa: ANN401  (a socket, in types of urllib3's own)
        socket = super()._new_conn()
        self._traffic.connected(self._peer)
        return socket

    @property
    def _peer(self) -> str:
        host, port = self._tunnel_host or self.host, self._tunnel_port or self.port
        scheme = "https" if isinstance(self, HTTPSConnection) else "http"
        return self._requested_host or host_of(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")


class _TlsConnection(_Connection, HTTPSConnection):
    """A connection with TLS that is metered."""


class _VouchedForConnection(_TlsConnection):
    """A connection to a host for which the user vouches."""

    def connect(self) -> None:
        super().connect()
        # urllib3 would warn at every request of what the user has decided on. Its switch for that is one for
        # the whole process.
        self.is_verified = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _VouchedForPool(HTTPSConnectionPool):
    ConnectionCls = _VouchedForConnection


def pools(
    traffic: HttpTraffic, patience: Patience, *, verify: bool
) -> dict[str, Callable[..., HTTPConnectionPool]]:
    """Return what makes the pools of a manager, by scheme. verify: whether unproved certificates are refused."""
    tls = _TlsPool if verify else _VouchedForPool
    return {
        "http": partial(_Pool, traffic=traffic, patience=patience),
        "https": partial(tls, traffic=traffic, patience=patience),
    }
