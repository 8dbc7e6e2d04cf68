"""Which proxy leads to a host: that of the settings, or the environment's (``HTTP_PROXY``, ``NO_PROXY``, …)."""

from __future__ import annotations

import os
import sys

from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.urls import Address, WebOrigin
from cachi2ish.errors import InputError
from cachi2ish.http.http_errors import unusable_proxy


class Proxies:
    """The proxies of a run. Safe to use from many threads.

    proxy: for all hosts, or None for the environment's. Raises `InputError` for one that makes no sense.
    """

    def __init__(self, proxy: Address | None) -> None:
        self._everywhere = None if proxy is None else _with_scheme(proxy)
        if self._everywhere is not None and not self._everywhere.hostname:
            raise InputError("the address of the proxy cannot be used", hint="write it as http://host:port")
        # Once for each origin: to read the whole environment takes longer than all else that a request costs.
        self._of_environment = OncePerKey(_of_environment)

    def of(self, address: Address) -> Address | None:
        """Return the proxy for ``address``, with a scheme; raises `NetworkError` for an unusable one."""
        return self._everywhere or self._of_environment(address.origin)


def _of_environment(origin: WebOrigin) -> Address | None:
    # Other systems have settings of their own for it.
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # Its reading of NO_PROXY is the one that pip users know. Most runs have no proxy, and do without its import.
    from requests.utils import get_environ_proxies, select_proxy  # noqa: PLC0415

    scheme, host, port = origin
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
    chosen = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    if not chosen:
        return None
    proxy = _with_scheme(Address(chosen))
    if not proxy.hostname:
        raise unusable_proxy()
    return proxy


def _with_scheme(proxy: Address) -> Address:
    text = proxy.with_credentials
    return proxy if "://" in text else Address(f"http://{text}")
