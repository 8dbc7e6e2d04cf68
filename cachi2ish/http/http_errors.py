"""What went wrong below HTTP, in words: the exceptions of urllib3, ssl and socket become ours."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead

from msgspec import Struct
from urllib3 import exceptions as urllib3

from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, HostError, NetworkError
from cachi2ish.http.retries import RETRIED_STATUSES, TransientError

Failure = NetworkError | TransientError

_CHECK_CONNECTION = (
    "check the network connection, or the proxy settings (HTTP_PROXY, HTTPS_PROXY, NO_PROXY, PIP_PROXY)"
)
_CHECK_PROXY = "check HTTP_PROXY, HTTPS_PROXY, NO_PROXY and PIP_PROXY, and the user name and password in them"


def shown(url: Address) -> str:
    """Return ``url`` as it may be printed, even if it is so broken that nothing in it can be told apart."""
    if url.hostname:
        return url.redacted
    return re.sub(r"//.*@", "//****@", url.with_credentials, flags=re.DOTALL)


def invalid_address(url: Address, reason: str) -> NetworkError:
    """Return the error for an address that no request can be made to."""
    return NetworkError(
        f"{shown(url)!r} is not an address that can be fetched: {reason}",
        hint="write it as https://host/path, and percent-encode special characters in user name and password",
    )


@contextmanager
def translated(url: Address, authorities: str = "") -> Iterator[None]:
    """Turn what the libraries raise into `NetworkError` or `TransientError`.

    url: what is being fetched. authorities: which certificates are trusted, as a clause.

    The original is not kept as the cause: its text may hold what ours must not.
    """
    try:
        yield
    except Cachi2ishError:
        raise
    except (urllib3.HTTPError, HTTPException, OSError, ValueError) as error:
        raise _explain(error, url, authorities) from None


def _explain(error: BaseException, url: Address, authorities: str) -> Failure:
    chain = tuple(_chain(error))
    for kind, rule in _RULES:
        for link in chain:
            if isinstance(link, kind):
                return rule(_Case(link, chain, url, authorities))
    return TransientError(f"the connection to {shown(url)} broke", hint=_CHECK_CONNECTION)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps, in the several ways in which these libraries wrap."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = (*link.args, getattr(link, "reason", None), link.__cause__)
        waiting.extend(other for other in inner if isinstance(other, BaseException))


class _Case(Struct, frozen=True):
    link: BaseException
    chain: tuple[BaseException, ...]
    url: Address
    authorities: str

    @property
    def host(self) -> str:
        return self.url.hostname

    def for_good(self, problem: str, hint: str, *cause: str) -> HostError:
        """Return the error of a host that will not do better next time. cause: what tells it from others."""
        return HostError(problem, cause=(self.url.host, *cause), hint=hint)

    def for_now(self, problem: str, hint: str, *cause: str) -> TransientError:
        """Return the failure of a host that may do better next time. cause: as above."""
        return TransientError(problem, hint=hint, cause=(self.url.host, *cause), unreached=self.url.origin)


def _proxy(case: _Case) -> Failure:
    refusal = next(filter(None, (re.match(r"Tunnel connection failed: (\d+)", str(e)) for e in case.chain)), None)
    status = refusal[1] if refusal else ""
    if status == "407":
        return proxy_authentication(case.url)
    if status and int(status) not in RETRIED_STATUSES:
        problem = f"the proxy refuses the connection to {case.host} with HTTP {status}"
        return case.for_good(problem, _CHECK_PROXY, "proxy", status)
    said = f" (HTTP {status})" if status else ""
    return case.for_now(f"the proxy does not connect to {case.host}{said}", _CHECK_PROXY, "proxy", status)


def proxy_authentication(url: Address) -> HostError:
    """Return the error for a proxy that wants to know who we are (HTTP 407)."""
    problem = f"the proxy asks for a user name and password to connect to {url.hostname}"
    return HostError(problem, cause=(url.host, "proxy", "407"), hint=_CHECK_PROXY)


def _bad_proxy(_case: _Case) -> Failure:
    return unusable_proxy()


def unusable_proxy() -> HostError:
    """Return the error for a proxy whose address makes no sense."""
    problem = "the address of the proxy cannot be used"
    return HostError(problem, cause=("proxy address",), hint="write it as http://host:port")


def _name(case: _Case) -> Failure:
    problem = f"the host name {case.host} does not resolve"
    hint = "check the spelling of the host, the DNS settings, or the proxy (HTTP_PROXY, HTTPS_PROXY, PIP_PROXY)"
    # Only "try again" is worth trying again; that a name does not exist is an answer.
    again = isinstance(case.link, socket.gaierror) and case.link.errno == socket.EAI_AGAIN
    return (case.for_now if again else case.for_good)(problem, hint, "name")


def _certificate(case: _Case) -> Failure:
    reason = getattr(case.link, "verify_message", "") or "it does not fit"
    return case.for_good(
        f"the TLS certificate of {case.host} is not trusted: {reason}",
        f"{case.authorities}, or do without proof: --trusted-host {case.host} in the requirements file, or"
        " PIP_TRUSTED_HOST",
        "certificate",
        reason,
    )


def _tls(case: _Case) -> Failure:
    reason = next((e.reason for e in case.chain if isinstance(e, ssl.SSLError) and e.reason), "TLS failed")
    return case.for_now(
        f"no secure connection to {case.host}: {reason.lower().replace('_', ' ')}",
        "check that the server speaks TLS on this port (https or http?) and which versions it accepts",
        "tls",
        reason,
    )


def _no_connection(case: _Case) -> Failure:
    reason = next((e.strerror for e in case.chain if isinstance(e, OSError) and e.strerror), "no connection")
    return _unreached(case, reason.lower())


def _no_connection_in_time(case: _Case) -> Failure:
    return _unreached(case, "no answer in time")


def _timeout(case: _Case) -> Failure:
    return TransientError(f"{shown(case.url)} does not answer in time", hint=_CHECK_CONNECTION, timed_out=True)


def _refused(case: _Case) -> Failure:
    return _unreached(case, "connection refused", "check host and port, and whether the server runs")


def _unreached(case: _Case, reason: str, hint: str = _CHECK_CONNECTION) -> Failure:
    return case.for_now(f"{case.url.host} cannot be reached: {reason}", hint, "unreached", reason)


def _truncated(case: _Case) -> Failure:
    return TransientError(f"the answer from {shown(case.url)} ended too early", hint=_CHECK_CONNECTION)


def _undecodable(case: _Case) -> Failure:
    problem = f"the answer from {shown(case.url)} is compressed in a way that cannot be undone"
    return TransientError(problem, hint="the server, or a proxy on the way, is at fault")


def _unusable(case: _Case) -> Failure:
    return invalid_address(case.url, "host, port or path has a wrong form")


def _system(case: _Case) -> Failure:
    reason = next((e.strerror for e in case.chain if isinstance(e, OSError) and e.strerror), None)
    problem = f"the connection to {shown(case.url)} broke" if reason is None else f"{shown(case.url)}: {reason}"
    return TransientError(problem, hint=_CHECK_CONNECTION)


#: The first kind that is anywhere in the chain decides: from the particular to the general.
_RULES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[[_Case], Failure]], ...] = (
    (urllib3.ProxySchemeUnknown, _bad_proxy),
    (urllib3.ProxyError, _proxy),
    (socket.gaierror, _name),
    ((ssl.SSLCertVerificationError, ssl.CertificateError), _certificate),
    ((ssl.SSLError, urllib3.SSLError), _tls),
    (ConnectionRefusedError, _refused),
    (urllib3.NewConnectionError, _no_connection),
    (urllib3.ConnectTimeoutError, _no_connection_in_time),
    ((urllib3.TimeoutError, TimeoutError), _timeout),
    ((IncompleteRead, urllib3.IncompleteRead), _truncated),
    (urllib3.DecodeError, _undecodable),
    ((urllib3.LocationValueError, UnicodeError), _unusable),
    (OSError, _system),
)
