"""HTTP as the program speaks it: politely, stubbornly, and without telling anybody another's secrets."""

from __future__ import annotations

import random as random_numbers
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Self
from urllib.parse import urljoin

from msgspec.structs import replace

from cachi2ish.core.urls import Address, WebOrigin
from cachi2ish.errors import HostError, NetworkError
from cachi2ish.http.access.auth import Credential, Credentials, separate
from cachi2ish.http.access.keyring import KeyringProgram
from cachi2ish.http.access.tls import TrustedHosts, authorities_of
from cachi2ish.http.bodies import Stream
from cachi2ish.http.http_errors import invalid_address, proxy_authentication, shown, translated
from cachi2ish.http.interface import HttpSettings, Response
from cachi2ish.http.refusals import refusal_of
from cachi2ish.http.retries import RETRIED_STATUSES, Attempts, RetryPolicy, TransientError, retry_after
from cachi2ish.http.throttle import Host, HostLimits, Hosts, too_much
from cachi2ish.http.traffic import Flow, HttpTraffic
from cachi2ish.http.transport import Sender

_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: "Too many requests" of us, and "overloaded" (RFC 6585 section 4, RFC 9110 section 15.6.4).
_TOO_MUCH = frozenset({429, 503})


class HttpSession:
    """Implements `Http`, and streams for the downloader. Safe to use from many threads.

    sleep: waits so many seconds. clock: seconds that only go forward. random: from 0 to 1, for the jitter.
    on_retry: is called with a sentence before each retry. traffic: counts what goes over the network.
    Raises `InputError` for settings that make no sense. `close` it, or use it as a context manager.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] | None = None,
        on_retry: Callable[[str], None] = lambda _message: None,
        traffic: HttpTraffic | None = None,
    ) -> None:
        self._settings = settings
        store = None if settings.keyring is None else KeyringProgram(settings.keyring)
        self._credentials = Credentials(settings.credentials, settings.netrc, store)
        self._authorities = authorities_of(settings.ca_bundle, settings.ca_bundle_from)
        self._trusted = TrustedHosts(settings.trusted_hosts)
        self._policy = RetryPolicy(
            retries=settings.retries,
            backoff=settings.backoff,
            limit=settings.backoff_limit,
            random=random or random_numbers.Random().random,  # noqa: S311  (jitter is no secret)
            sleep=sleep,
            timeout=settings.read_timeout,
            on_retry=on_retry,
        )
        limit = settings.backoff_limit
        self._hosts = Hosts(
            HostLimits(
                most=settings.connections, longest=limit, lost_for=settings.lost_for, clock=clock, sleep=sleep
            )
        )
        self._traffic = traffic or HttpTraffic(clock)
        self._sender = Sender(settings, self._trusted, self._traffic)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._sender.close()

    def flow(self, address: Address) -> Flow:
        """Begin to look at how fast an answer arrives."""
        return Flow(self._traffic, address.host)

    def drop_idle(self, address: Address) -> None:
        """Close the connections to a host, or to its proxy, that nobody uses: the next request makes a new one."""
        self._sender.drop_idle(address)

    def attempts(self, url: Address) -> Attempts:
        """Begin to count attempts at something that is made of several requests for ``url``."""

        def on_retry(message: str) -> None:
            self._traffic.retried(url.host)
            self._policy.on_retry(message)

        return Attempts(replace(self._policy, on_retry=on_retry), lost=self._give_up)

    def _give_up(self, origin: WebOrigin, error: HostError) -> None:
        self._hosts.of(origin).give_up(error)

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET request, as `Http.get` says; redirects are followed."""
        address = Address(url)
        attempts = self.attempts(address)
        while True:
            try:
                with self.stream(address, headers=headers) as stream:
                    body, packed = stream.body()
                    return Response(
                        status=stream.status,
                        url=stream.url.redacted,
                        headers=stream.headers,
                        body=body,
                        credentials=stream.credentials,
                        packed=packed,
                        refusal=refusal_of(stream.status, stream.phrase, stream.headers, body),
                    )
            except TransientError as failure:
                attempt = failure
            attempts.failed(attempt)

    @contextmanager
    def pieces(self, url: Address, accept: str) -> Iterator[tuple[int, str, Iterator[bytes]]]:
        """Give the status, the ``Content-Type`` and the body of an answer of any length; one attempt is made.

        Raises `NetworkError`, also while the body is read.
        """
        try:
            with self.stream(url, headers={"Accept": accept, "Accept-Encoding": "identity"}) as stream:
                yield stream.status, stream.headers.get("content-type", ""), stream.chunks()
        except TransientError as failure:
            raise failure.for_good(failure.problem, failure.hint) from None

    @contextmanager
    def stream(self, url: Address, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """Make one attempt at a GET request and give its answer, whose body can be read within the context.

        Statuses below 500 other than 407 and 429 are the caller's. Raises `TransientError` for what may go
        better next time, and `NetworkError` for what will not.
        """
        headers = headers or {}
        address, given = _checked(url, "")
        for _ in range(_MOST_REDIRECTS + 1):
            with self._send(address, headers, given) as stream:
                location = stream.headers.get("location")
                if stream.status not in _REDIRECTS or not location:
                    yield stream
                    return
                stream.drain()
            target, own = _checked(_target(address, location), f" ({stream.url} redirects to it)")
            if address.scheme == "https" and target.scheme != "https" and not self._trusted.has(target):
                raise NetworkError(
                    f"{stream.url} redirects to {target}, which is not encrypted",
                    hint=f"ask who runs the server for an https address, or vouch for {target.host} with"
                    " --trusted-host in the requirements file",
                )
            address, given = target, own or given
        raise NetworkError(
            f"{shown(url)} redirects more than {_MOST_REDIRECTS} times, now to {address}",
            hint="the server sends its visitors in a circle; it may need credentials, or another address",
        )

    @contextmanager
    def _send(self, address: Address, headers: Mapping[str, str], given: Credential | None) -> Iterator[Stream]:
        credential = self._credential(address, given)
        if credential is not None:
            headers = {**headers, "Authorization": credential.authorization}
        host = self._hosts.of(address.origin)
        with host.admission(address) as started_at:
            try:
                with translated(address, self._authorities):
                    response = self._sender.get(address, headers)
            except (HostError, TransientError) as error:
                self._traffic.unanswered(address.host)
                if isinstance(error, HostError):
                    host.give_up(error)
                raise
            host.answered()
            try:
                names = {name.lower(): value for name, value in response.headers.items()}
                stream = Stream(
                    status=response.status,
                    url=address,
                    headers=names,
                    response=response,
                    credentials="" if credential is None else credential.source,
                    authorities=self._authorities,
                )
                self._judge(stream, host, started_at)
                yield stream
            finally:
                response.close()
                response.release_conn()

    def _judge(self, stream: Stream, host: Host, started_at: float) -> None:
        """Raise what an answer means for this attempt, and let its host be treated accordingly."""
        if stream.status in _TOO_MUCH:
            wait = retry_after(stream.headers)
            if stream.status == HTTPStatus.TOO_MANY_REQUESTS:
                host.slow_down(self._settings.backoff if wait is None else wait, started_at)
            elif wait is None or wait <= self._settings.backoff_limit:
                # A file that is not to be had for an hour says nothing about the others.
                host.slow_down(wait or 0.0, started_at)
        elif stream.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            host.went_well()
        failure = _failure(stream, host.served)
        if failure is not None:
            stream.drain()
            raise failure

    def _credential(self, address: Address, given: Credential | None) -> Credential | None:
        if given is not None and given.origin == address.origin:
            return self._credentials.complete(given)
        return self._credentials.find(address, trusted=self._trusted.has(address))


def _failure(stream: Stream, served: int) -> NetworkError | TransientError | None:
    problem = f"{stream.url} answers {stream.says}"
    if stream.status in RETRIED_STATUSES:
        return TransientError(
            problem,
            hint="the server is overloaded or broken; run again later",
            retry_after=retry_after(stream.headers),
            served=served if stream.status == HTTPStatus.TOO_MANY_REQUESTS else None,
            cause=too_much(stream.url) if stream.status == HTTPStatus.TOO_MANY_REQUESTS else None,
        )
    if stream.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return NetworkError(problem, hint="the server is at fault; tell the people who run it")
    if stream.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return proxy_authentication(stream.url)
    return None


def _target(address: Address, location: str) -> Address:
    # The headers come as latin-1; what servers write beyond ASCII is UTF-8.
    text = location.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        return Address(urljoin(address.with_credentials, text))
    except ValueError:  # an unclosed bracket
        return Address(text)


def _checked(url: Address, whence: str) -> tuple[Address, Credential | None]:
    """Return the address without user information and fragment, and the user information."""
    if not url.hostname:
        raise invalid_address(url, f"it has no valid host or port{whence}")
    if url.scheme not in {"http", "https"}:
        raise invalid_address(url, f"its scheme is {url.scheme!r}{whence}, and only http and https are fetched")
    return separate(url.without_fragment())
