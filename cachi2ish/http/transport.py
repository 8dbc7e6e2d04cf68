"""One request to one address: through which proxy, over which connections, with which headers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from queue import Empty

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.urls import Address
from cachi2ish.http.access.proxies import Proxies
from cachi2ish.http.access.tls import Contexts, TrustedHosts
from cachi2ish.http.connections import Patience, Pools
from cachi2ish.http.http_errors import unusable_proxy
from cachi2ish.http.interface import HttpSettings
from cachi2ish.http.traffic import HttpTraffic


class Sender:
    """Holds all connections of a run; ``traffic`` counts what goes over them. Safe to use from many threads.

    urllib3 follows no redirect and tries nothing again: that is our own matter. It keeps no cookies.
    """

    def __init__(self, settings: HttpSettings, trusted: TrustedHosts, traffic: HttpTraffic) -> None:
        self._proxies = Proxies(settings.proxy)
        self._headers = {"User-Agent": settings.user_agent, "Accept": "*/*", "Accept-Encoding": "gzip"}
        self._timeout = Timeout(connect=settings.connect_timeout, read=settings.read_timeout)
        self._pools = Pools(
            Contexts(settings.ca_bundle, settings.client_cert, settings.ca_bundle_from),
            traffic,
            Patience(settings.read_timeout, settings.least_speed),
            settings.connections,
        )
        self._managers = OncePerKey(self._manager)
        self._trusted = trusted
        self._made: list[PoolManager] = []

    def get(self, address: Address, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Make a GET request; return its answer, whose body is still to come. To be closed.

        Raises `NetworkError` for an unusable proxy, and whatever urllib3 raises.
        """
        return self._manager_of(address).urlopen(
            "GET",
            address.with_credentials,
            headers={**self._headers, **headers},
            redirect=False,
            retries=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )

    def drop_idle(self, address: Address) -> None:
        """Close the connections to a host, or to its proxy, that nobody uses: the next request makes a new one."""
        places = self._manager_of(address).connection_from_url(address.with_credentials).pool
        if places is None:  # the pool is closed
            return
        free = []
        try:
            with suppress(Empty):  # the last place is on top, so that all are taken before one is given back
                while True:
                    free.append(places.get(block=False))
            for connection in filter(None, free):
                connection.close()
        finally:
            for _ in free:
                places.put(None, block=False)

    def _manager_of(self, address: Address) -> PoolManager:
        # Certificates are taken on trust for exactly the hosts that the user vouches for.
        return self._managers((self._proxies.of(address), self._trusted.has(address)))

    def _manager(self, key: tuple[Address | None, bool]) -> PoolManager:
        proxy, trusted = key
        try:
            manager = self._pools.manager(proxy, verify=not trusted)
        except (HTTPError, ImportError, ValueError):
            raise unusable_proxy() from None
        self._made.append(manager)
        return manager

    def close(self) -> None:
        """Close all connections."""
        for manager in self._made:
            manager.clear()
