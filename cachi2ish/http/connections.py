"""Connections that are metered: what goes over them is counted, and what goes on too long is ended.

The meter is where the bytes come from the socket, so that headers, compressed pages, chunked answers, files and
what is thrown away are all counted once and as they were sent.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from msgspec import Struct
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from cachi2ish.core.urls import Address, host_of
from cachi2ish.http.access.auth import separate
from cachi2ish.http.access.tls import Contexts
from cachi2ish.http.traffic import HttpTraffic

#: How many hosts keep their connections at once.
_HOSTS = 64

#: Seconds for the rest of an answer that is read only so that its connection can be used again.
_DRAIN_SECONDS = 1.0

#: Seconds within which pieces that come one upon the other are counted together: those of the last moment before a
#: silence are counted at its end.
_BURST = 0.005


class Patience(Struct, frozen=True):
    """How long an answer may take, whose server sends some bytes now and then. Times in seconds.

    silence: until the headers are complete, 1xx answers included. After that, for each so many seconds of waiting
    there must have been ``least_speed`` bytes a second.
    """

    silence: float
    least_speed: float


class _Metered(io.RawIOBase):
    """The bytes of one answer as they arrive. Raises `TimeoutError` where the server wears out our patience."""

    def __init__(
        self,
        raw: io.RawIOBase,
        receive: Callable[[memoryview], int],
        traffic: HttpTraffic,
        host: str,
        patience: Patience,
    ) -> None:
        """Take the bytes from ``raw``, or by ``receive``, which is the shorter way to the same."""
        self._raw = raw
        self._receive = receive
        self._traffic = traffic
        self._host = host
        self._patience = patience
        self._deadline: float | None = traffic.clock() + patience.silence
        self._waited = 0.0
        self._received = 0
        self._ended = False
        #: Whether somebody waits until his buffer is full, as `readinto` must not by itself.
        self.fills = False
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
        # Only reads larger than the buffer may be filled: a smaller one is of `_Buffered`, which reads ahead.
        if self.fills and len(buffer) > io.DEFAULT_BUFFER_SIZE and self._deadline is None:
            return self._fill(memoryview(buffer))
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

    def _fill(self, buffer: memoryview) -> int:
        """Read until the buffer is full, or the answer at its end. TLS gives 16 KB at once and no more."""
        clock, receive, size = self._traffic.clock, self._receive, 0
        while size < len(buffer) and not self._ended:
            before, since = size, clock()
            now = since
            try:
                while size < len(buffer) and not self._ended and now - since < _BURST:
                    count = receive(buffer[size:])
                    self._ended = not count  # read again, TLS may have an error in place of the end
                    size += count
                    now = clock()
            finally:
                self._traffic.arrived(self._host, size - before, since)
            self._judge_speed(now - since, size - before)
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


class _Buffered(io.BufferedReader):
    """The buffer of an answer: whoever reads a number of bytes waits for all of them, or for the end."""

    raw: _Metered

    def read(self, size: int | None = -1, /) -> bytes:
        self.raw.fills = True
        try:
            return super().read(size)
        finally:
            self.raw.fills = False


class Answer(http.client.HTTPResponse):
    """An answer that is metered. metered: puts the meter between the socket and its buffer."""

    def __init__(
        self,
        sock: Any,  # noqa: ANN401  (a socket, or what urllib3 has for one)
        *args: Any,  # noqa: ANN401
        metered: Callable[[io.RawIOBase, Callable[[memoryview], int]], _Metered],
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        self._meter = metered(self.fp.detach(), sock.recv_into)
        self.fp: Any = _Buffered(self._meter, io.DEFAULT_BUFFER_SIZE)

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


class Pools(Struct, frozen=True):
    """Makes the pools of connections to a host. most: connections; who needs one more waits."""

    contexts: Contexts
    traffic: HttpTraffic
    patience: Patience
    most: int

    def manager(self, proxy: Address | None, *, verify: bool) -> PoolManager:
        """Return what keeps the connections to all hosts. verify: whether unproved certificates are refused.

        proxy: with a scheme, or None. One that speaks TLS itself is always verified. The connections through a
        SOCKS proxy are of another kind, and not metered.
        Raises what urllib3 raises for a proxy of another scheme, and `ImportError` for SOCKS without PySocks.
        """
        options: dict[str, Any] = {"num_pools": _HOSTS, "maxsize": self.most, "block": True}
        if proxy is None:
            manager = PoolManager(**options)
        elif proxy.scheme.startswith("socks"):
            return self._socks(proxy, options, verify=verify)
        else:
            bare, credential = separate(proxy)
            manager = ProxyManager(
                bare.with_credentials,
                proxy_headers={"Proxy-Authorization": credential.authorization} if credential else None,
                proxy_ssl_context=self.contexts.get(verify=True) if bare.scheme == "https" else None,
                **options,
            )
        metered: dict[str, Any] = {"traffic": self.traffic, "patience": self.patience}

        def tls_pool(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            kind: Any = _TlsPool if verify else _VouchedForPool
            return kind(*args, **kwargs, **metered, **self._tls(verify=verify))

        by_scheme: dict[str, Any] = {"http": partial(_Pool, **metered), "https": tls_pool}
        manager.pool_classes_by_scheme = by_scheme
        return manager

    def _socks(self, proxy: Address, options: dict[str, Any], *, verify: bool) -> PoolManager:
        if find_spec("socks") is None:  # urllib3 would print a warning first
            raise ImportError("PySocks is not installed")
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415  (it imports PySocks)

        return SOCKSProxyManager(proxy.with_credentials, **options, **self._tls(verify=verify))

    def _tls(self, *, verify: bool) -> dict[str, Any]:
        # The context alone decides; without the word urllib3 would change it.
        needed = "CERT_REQUIRED" if verify else "CERT_NONE"
        return {"ssl_context": self.contexts.get(verify=verify), "cert_reqs": needed}
