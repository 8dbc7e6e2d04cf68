"""HTTP over one `requests` session that all threads share."""

from __future__ import annotations

import contextlib
import random as random_numbers
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Self
from urllib.parse import urljoin

import requests
from requests.utils import get_environ_proxies, select_proxy

from cachi2ish.core.addresses import origin_of, redact, split, without_fragment
from cachi2ish.errors import InputError, NetworkError
from cachi2ish.net.credentials import Credential, Keyring, separate
from cachi2ish.net.failures import invalid_address, proxy_authentication, shown, translated, unusable_proxy
from cachi2ish.net.interface import HttpSettings, Response
from cachi2ish.net.retries import RETRIED_STATUSES, Attempts, RetryPolicy, TransientError, retry_after
from cachi2ish.net.tls import Adapter, Contexts, TrustedHosts

#: Bytes of a file that are in memory at once, per thread.
CHUNK_SIZE = 256 * 1024

#: Bytes of an answer that is read as a whole, decompressed. The largest project pages have some ten of millions.
LARGEST_BODY = 200_000_000

#: The rest of an answer is read and thrown away up to this length, so that its connection can be used again.
_WORTH_DRAINING = 64 * 1024

_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer whose body is still to come. url: after redirects, redacted; headers: names in lower case."""

    status: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    response: requests.Response = field(repr=False)

    @property
    def says(self) -> str:
        """The status as a person reads it: ``HTTP 404 (Not Found)``."""
        try:
            return f"HTTP {self.status} ({HTTPStatus(self.status).phrase})"
        except ValueError:
            return f"HTTP {self.status}"

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes over the wire, not decompressed.

        Raises `TransientError` when it ends before its announced end.
        """
        while True:
            with translated(self.url):
                chunk: bytes = self.response.raw.read(CHUNK_SIZE, decode_content=False)
            if not chunk:
                return
            yield chunk

    def drain(self) -> None:
        """Throw the body away, so that its connection can be used again; a long one is not worth it."""
        # What cannot be read does no harm: the connection is closed then.
        with contextlib.suppress(Exception):
            self.response.raw.read(_WORTH_DRAINING, decode_content=False)

    def body(self) -> bytes:
        """Return the whole body, decompressed; raises `TransientError`, `NetworkError` for one too large."""
        with translated(self.url):
            body = bytearray()
            for chunk in self.response.iter_content(CHUNK_SIZE):
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise NetworkError(
                        f"the answer from {self.url} is larger than {LARGEST_BODY // 1_000_000} MB",
                        hint="no project page is so large: check the address of the index",
                    )
            return bytes(body)


class HttpSession:
    """Implements `Http`, and streams for the downloader. Safe to use from many threads.

    sleep: waits so many seconds. random: from 0 to 1, for the jitter. told: hears of each retry.
    Raises `InputError` for settings that make no sense. `close` it, or use it as a context manager.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] | None = None,
        told: Callable[[str], None] = lambda _message: None,
    ) -> None:
        if settings.proxy is not None and not _usable_proxy(settings.proxy):
            raise InputError("the address of the proxy cannot be used", hint="write it as http://host:port")
        self._settings = settings
        self._keyring = Keyring(settings.credentials, settings.netrc)
        self._trusted = TrustedHosts(settings.trusted_hosts)
        self._policy = RetryPolicy(
            retries=settings.retries,
            backoff=settings.backoff,
            limit=settings.backoff_limit,
            random=random or random_numbers.Random().random,  # noqa: S311  (jitter is no secret)
            sleep=sleep,
            told=told,
        )
        contexts = Contexts(settings.ca_bundle, settings.client_cert)
        self._session = _Session(contexts, self._trusted, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def attempts(self) -> Attempts:
        """Begin to count attempts at something that is made of several requests."""
        return Attempts(self._policy)

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET request, as `Http.get` says; redirects are followed."""
        attempts = self.attempts()
        while True:
            try:
                with self.stream(url, headers=headers) as stream:
                    return Response(
                        status=stream.status, url=stream.url, headers=stream.headers, body=stream.body()
                    )
            except TransientError as failure:
                attempt = failure
            attempts.failed(attempt)

    @contextmanager
    def stream(self, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """Make one attempt at a GET request and give its answer, whose body can be read within the context.

        Statuses below 500 other than 407 and 429 are the caller's. Raises `TransientError` for what may go
        better next time, and `NetworkError` for what will not.
        """
        with self._follow(url, dict(headers or {})) as stream:
            failure = _failure(stream)
            if failure is not None:
                stream.drain()
                raise failure
            yield stream

    @contextmanager
    def _follow(self, url: str, headers: dict[str, str]) -> Iterator[Stream]:
        address, given = _checked(url, "")
        for _ in range(_MOST_REDIRECTS + 1):
            with self._send(address, headers, given) as stream:
                location = stream.headers.get("location")
                if stream.status not in _REDIRECTS or not location:
                    yield stream
                    return
                stream.drain()
            address, own = _checked(_target(address, location), f" ({stream.url} redirects to it)")
            given = own or given
        raise NetworkError(
            f"{shown(url)} redirects more than {_MOST_REDIRECTS} times, now to {redact(address)}",
            hint="the server sends its visitors in a circle; it may need credentials, or another address",
        )

    @contextmanager
    def _send(self, address: str, headers: Mapping[str, str], given: Credential | None) -> Iterator[Stream]:
        credential = self._credential(address, given)
        sent = dict(headers)
        if credential is not None:
            sent["Authorization"] = credential.authorization
        proxies = self._proxies(address)
        with translated(address):
            request = self._session.prepare_request(requests.Request("GET", address, headers=sent))
            timeout = (self._settings.connect_timeout, self._settings.read_timeout)
            response = self._session.send(
                request, stream=True, timeout=timeout, proxies=proxies, allow_redirects=False
            )
        names = {name.lower(): value for name, value in response.headers.items()}
        try:
            yield Stream(status=response.status_code, url=redact(address), headers=names, response=response)
        finally:
            response.close()

    def _credential(self, address: str, given: Credential | None) -> Credential | None:
        if given is not None and given.origin == origin_of(address):
            return given
        return self._keyring.find(address, trusted=self._trusted.has(address))

    def _proxies(self, address: str) -> dict[str, str]:
        if self._settings.proxy is not None:
            return {"http": self._settings.proxy, "https": self._settings.proxy}
        proxies = get_environ_proxies(address, no_proxy=None)
        chosen = select_proxy(address, proxies)
        if chosen and not _usable_proxy(chosen):
            raise unusable_proxy()
        return proxies


def _failure(stream: Stream) -> NetworkError | TransientError | None:
    problem = f"{stream.url} answers {stream.says}"
    if stream.status in RETRIED_STATUSES:
        hint = "the server is overloaded or broken; run again later"
        return TransientError(problem, hint=hint, retry_after=retry_after(stream.headers))
    if stream.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return NetworkError(problem, hint="the server is at fault; tell the people who run it")
    if stream.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return proxy_authentication(stream.url)
    return None


def _target(address: str, location: str) -> str:
    # The headers come as latin-1; what servers write beyond ASCII is UTF-8.
    text = location.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        return urljoin(address, text)
    except ValueError:  # an unclosed bracket
        return text


class _Session(requests.Session):
    """A session that reads nothing from the environment, and keeps no cookies: they are credentials, too."""

    def __init__(self, contexts: Contexts, trusted: TrustedHosts, settings: HttpSettings) -> None:
        super().__init__()
        # Else requests reads netrc files and REQUESTS_CA_BUNDLE for itself; proxies are asked for above.
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.headers.update({"User-Agent": settings.user_agent, "Accept-Encoding": "gzip"})
        verifying = Adapter(contexts, verify=True, connections=settings.connections)
        self.mount("http://", verifying)
        self.mount("https://", verifying)
        self._trusted = trusted
        self._believing = Adapter(contexts, verify=False, connections=settings.connections)

    def get_adapter(self, url: str | bytes) -> requests.adapters.BaseAdapter:
        """Return the adapter that verifies certificates, or not, for exactly the hosts that are trusted."""
        text = url if isinstance(url, str) else url.decode()
        return self._believing if self._trusted.has(text) else super().get_adapter(text)

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        """Follow nothing: `HttpSession` does, and decides about credentials at every step."""
        return

    def close(self) -> None:
        """Close the connections of all adapters."""
        super().close()
        self._believing.close()


def _checked(url: str, whence: str) -> tuple[str, Credential | None]:
    """Return the address without user information and fragment, and the user information."""
    parts = split(url)
    if parts is None or not parts.hostname:
        raise invalid_address(url, f"it has no valid host or port{whence}")
    if parts.scheme not in {"http", "https"}:
        raise invalid_address(url, f"its scheme is {parts.scheme!r}{whence}, and only http and https are fetched")
    return separate(without_fragment(url))


def _usable_proxy(proxy: str) -> bool:
    parts = split(proxy if "://" in proxy else f"http://{proxy}")
    return parts is not None and bool(parts.hostname)
