"""The network as the other rooms see it: small bodies, and files that stream into the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Protocol

from msgspec import Struct

from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.structs import repr_without
from cachi2ish.core.urls import Address

#: `Response.credentials` where the program keyring has the password.
KEYRING = "keyring"


def refused_hint(credentials: str) -> str:
    """Return what to do where a user and a password are refused that come from there."""
    if credentials == KEYRING:
        return (
            "store the right one with: keyring set ADDRESS USER, where ADDRESS is the index URL without the user"
        )
    return (
        "correct them there; in a URL, percent-encode special characters. The password of a user that a URL names"
        " alone may stand in a netrc file, or be asked of keyring (--keyring-provider subprocess)"
    )


class Response(Struct, frozen=True, kw_only=True):
    """A whole answer. url: where it came from after redirects; headers: names in lower case.

    credentials: where the user name and password that were sent come from, for people; "" where none were.
    packed: the body as it came, where that was one gzip member and nothing else; else empty.
    refusal: why the server refuses, in its own words; "" where it does not, or says no more than usual.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    credentials: str = ""
    packed: bytes = b""
    refusal: str = ""

    __repr__ = repr_without("url", "body", "packed")


class Http(Protocol):
    """A client that keeps connections, retries what is worth it, and sends credentials to their owner only."""

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET request, whatever its status below 500 other than 407 and 429.

        User information in ``url`` is sent to its origin. headers: no credentials; they go along redirects.
        Raises `NetworkError` when the server cannot be reached, or still answers 429 or 5xx after retries.
        """
        ...


#: Told about each piece of a file: the number of bytes that have just arrived from the network. Negative when
#: a transfer begins again, by as many bytes as no longer count; zero before a wait. What it raises ends the
#: transfer, whose bytes are kept. Not called for a file that the cache has.
Advance = Callable[[int], None]


#: Told the size of a file, in bytes, once its server states it; again where it states another one.
OnSize = Callable[[int], None]


def ignore_size(_size: int) -> None:
    """Do nothing with the size of a file."""


class Downloader(Protocol):
    """Brings one file into the cache."""

    def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
        """Return the file, whole and verified, from the cache or from the network.

        Raises `DigestMismatchError` when the bytes are not those promised, `NetworkError` when the server
        does not deliver (an HTTP status of 4xx included), `StorageError` when the cache cannot be written.
        Safe to call from many threads.
        """
        ...


class HostTraffic(Struct, frozen=True, kw_only=True):
    """What has gone between this machine and one host.

    host: with its port where that is not the scheme's own; of a tunnel, the far end. requests: those sent, each
    attempt and each redirect. connections: those opened. received: bytes over them, headers included, before TLS
    is taken off and compression undone. retries: attempts that failed and were made again, by the host of the
    first request. unanswered: attempts to which no answer came; a request is among ``requests`` if it could be
    sent. seconds: waiting for bytes, summed over all threads. answer_seconds: the part of it until the
    headers of each answer.
    """

    host: str
    requests: int
    connections: int
    received: int
    retries: int
    unanswered: int
    seconds: float
    answer_seconds: float


class Silence(Struct, frozen=True):
    """A host that owes an answer or a part of one. since: the instant of the last byte, or of the question."""

    host: str
    since: float


class Traffic(Protocol):
    """Counts what goes over the network. Safe to read from any thread while it grows."""

    @property
    def received(self) -> int:
        """Bytes from all hosts, as in `HostTraffic`."""
        ...

    def hosts(self) -> tuple[HostTraffic, ...]:
        """Return the counts so far, by name of the host."""
        ...

    def silences(self, seconds: float) -> tuple[Silence, ...]:
        """Return the hosts that owe something and have sent nothing for so long, by name."""
        ...


class HttpSettings(Struct, frozen=True, kw_only=True):
    """How to speak HTTP. Times in seconds.

    credentials: addresses with user information (index URLs); it is sent to requests of the same origin only,
    and of several for one origin the one with the longest path in common with the request.
    trusted_hosts: ``host`` or ``host:port`` whose TLS certificates are not checked.
    ca_bundle: a file or directory, or None for certifi's. ca_bundle_from: the variable or setting that names it.
    client_cert: a PEM file with key, or None.
    proxy: for all schemes, or None for the environment's (``HTTP_PROXY``, ``NO_PROXY``, …).
    netrc: a file, which must exist, or None for none. It is by host: it serves https, this machine, and
    trusted hosts, and its ``default`` entry the named indexes.
    keyring: the path of the program that knows passwords of users whom an index URL names without one, or None.
    read_timeout: for the headers of an answer altogether, and for each silence in its body. least_speed: bytes a
    second; a body that comes more slowly, over ``read_timeout`` seconds of waiting, is given up; 0 for any.
    retries: attempts after the first. backoff: the first wait, doubled each time up to backoff_limit, which
    is also the longest ``Retry-After`` that is obeyed.
    connections: how many there may be to one host at once. lost_for: seconds during which a host that could not be
    reached in all attempts is not tried again; without end for a run, which is over before it comes back.
    """

    user_agent: str
    credentials: tuple[Address, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    ca_bundle: str | None = None
    ca_bundle_from: str = ""
    client_cert: str | None = None
    proxy: Address | None = None
    netrc: str | None = None
    keyring: str | None = None
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    least_speed: float = 1000.0
    retries: int = 5
    backoff: float = 0.5
    backoff_limit: float = 30.0
    connections: int = 32
    lost_for: float = inf
