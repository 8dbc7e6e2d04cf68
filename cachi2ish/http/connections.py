"""Connections that tell what goes over them.

They listen where the bytes come from the socket, so that headers, compressed pages, chunked answers, files and
what is thrown away are all counted once and as they were sent.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from cachi2ish.core.urls import host_of
from cachi2ish.http.traffic import HttpTraffic


class _Heard(io.RawIOBase):
    """The bytes of one answer as they arrive."""

    def __init__(self, raw: io.RawIOBase, traffic: HttpTraffic, host: str) -> None:
        self._raw = raw
        self._traffic = traffic
        self._host = host
        traffic.opened(host)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  (any writable buffer)
        since, size = self._traffic.clock(), 0
        try:
            size = self._raw.readinto(buffer) or 0
        finally:
            self._traffic.arrived(self._host, size, since)
        return size

    def close(self) -> None:
        if not self.closed:
            self._traffic.closed(self._host)
            self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is listened to. heard: puts an ear between the socket and its buffer."""

    def __init__(self, *args: Any, heard: Callable[[io.RawIOBase], io.RawIOBase], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.fp: Any = io.BufferedReader(heard(self.fp.detach()))


class _Connection(HTTPConnection):
    """A connection that is listened to. traffic: who hears it."""

    def __init__(self, *args: Any, traffic: HttpTraffic, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._traffic = traffic
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

    def response_class(self, *args: Any, **kwargs: Any) -> _Answer:  # type: ignore[override]  # noqa: ANN401
        """Make an answer; `http.client` looks for a class by this name."""
        return _Answer(*args, heard=partial(_Heard, traffic=self._traffic, host=self._peer), **kwargs)

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
    """A connection with TLS that is listened to."""


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


def pools(traffic: HttpTraffic, *, verify: bool) -> dict[str, Callable[..., HTTPConnectionPool]]:
    """Return what makes the pools of a manager, by scheme. verify: whether unproved certificates are refused."""
    tls = _TlsPool if verify else _VouchedForPool
    return {"http": partial(_Pool, traffic=traffic), "https": partial(tls, traffic=traffic)}
