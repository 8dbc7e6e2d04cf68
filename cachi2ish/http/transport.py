"""One request to one address: through which proxy, over which connections, with which headers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import requests

from cachi2ish.core.urls import Address
from cachi2ish.http.connections import Patience
from cachi2ish.http.interface import HttpSettings
from cachi2ish.http.proxies import Proxies
from cachi2ish.http.tls import Adapter, Contexts, TrustedHosts
from cachi2ish.http.traffic import HttpTraffic


class Sender:
    """Holds all connections of a run; ``traffic`` counts what goes over them. Safe to use from many threads.

    There is no `requests.Session` about it: that would read the environment, follow redirects and keep cookies,
    which are credentials too; and to have it merge its settings into a request takes longer than to send one.
    """

    def __init__(self, settings: HttpSettings, trusted: TrustedHosts, traffic: HttpTraffic) -> None:
        self._proxies = Proxies(settings.proxy)
        self._headers = {"User-Agent": settings.user_agent, "Accept": "*/*", "Accept-Encoding": "gzip"}
        self._timeout = settings.connect_timeout, settings.read_timeout
        contexts = Contexts(settings.ca_bundle, settings.client_cert, settings.ca_bundle_from)
        adapter = partial(
            Adapter,
            contexts,
            connections=settings.connections,
            traffic=traffic,
            patience=Patience(settings.read_timeout, settings.least_speed),
        )
        self._verifying = adapter(verify=True)
        self._believing = adapter(verify=False)
        self._trusted = trusted

    def get(self, address: Address, headers: Mapping[str, str]) -> requests.Response:
        """Make a GET request; return its answer, whose body is still to come. To be closed.

        Raises `NetworkError` for an unusable proxy, and whatever the libraries raise.
        """
        request = requests.PreparedRequest()
        request.prepare_method("GET")
        request.prepare_url(address.with_credentials, None)
        request.prepare_headers({**self._headers, **headers})
        # Certificates are taken on trust for exactly the hosts that the user vouches for.
        adapter = self._believing if self._trusted.has(address) else self._verifying
        return adapter.send(request, stream=True, timeout=self._timeout, proxies=self._proxies.of(address))

    def close(self) -> None:
        """Close all connections."""
        self._verifying.close()
        self._believing.close()
