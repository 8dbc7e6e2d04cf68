"""Which proxy leads to a host: that of the settings, or the environment's (``HTTP_PROXY``, ``NO_PROXY``, …)."""

from __future__ import annotations

from requests.utils import get_environ_proxies, select_proxy

from cachi2ish.core.urls import Address, WebOrigin
from cachi2ish.errors import InputError
from cachi2ish.http.http_errors import unusable_proxy


class Proxies:
    """The proxies of a run. Safe to use from many threads.

    proxy: for all hosts, or None for the environment's. Raises `InputError` for one that makes no sense.
    """

    def __init__(self, proxy: Address | None) -> None:
        if proxy is not None and not _usable(proxy):
            raise InputError("the address of the proxy cannot be used", hint="write it as http://host:port")
        self._everywhere = None if proxy is None else dict.fromkeys(("http", "https"), proxy.with_credentials)
        self._known: dict[WebOrigin, dict[str, str]] = {}

    def of(self, address: Address) -> dict[str, str]:
        """Return the proxies by scheme, for requests to ``address``; raises `NetworkError` for an unusable one."""
        if self._everywhere is not None:
            return self._everywhere
        # Once for each origin: to read the whole environment takes longer than all else that a request costs.
        origin = address.origin
        found = self._known.get(origin)
        if found is None:
            found = self._known[origin] = _of_environment(address)
        return found


def _of_environment(address: Address) -> dict[str, str]:
    proxies: dict[str, str] = get_environ_proxies(address.with_credentials, no_proxy=None)
    chosen = select_proxy(address.with_credentials, proxies)
    if chosen and not _usable(Address(chosen)):
        raise unusable_proxy()
    return proxies


def _usable(proxy: Address) -> bool:
    text = proxy.with_credentials
    return bool((proxy if "://" in text else Address(f"http://{text}")).hostname)
