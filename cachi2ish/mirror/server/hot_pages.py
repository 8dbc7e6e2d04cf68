"""Pages that are asked for again and again, as the bytes that go over the wire, within a bound of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import inf

from starlette.types import Send

from cachi2ish.mirror.server.rendering import OFFERED, Rendered
from cachi2ish.simple_api.negotiation import choose_form

#: Bytes that an entry takes beside its body, and a request beside its own.
_OVERHEAD, _REQUEST_OVERHEAD = 1500, 1000

#: Requests that are known as they are sent, and the bytes of the longest of them.
_MOST_REQUESTS, _LONGEST_REQUEST = 4000, 2000

#: The part of the memory that they may take.
_OF_REQUESTS = 8

Headers = list[tuple[bytes, bytes]]

#: The path as it was sent, the form, and whether it is packed.
_Key = tuple[bytes, str | None, bool]


@lru_cache(maxsize=1024)
def form_for(accept: bytes) -> str | None:
    """Return the form of pages that an ``Accept`` header prefers; None where none will do."""
    return choose_form(accept.decode("latin-1"), OFFERED)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the headers of a request ask for. form: None where no form of a page will do. packed: gzip."""

    form: str | None
    packed: bool
    known: bytes = b""

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> Wishes:
        """Read the headers of a request; names are in lower case."""
        accept, encodings, known = b"", b"", b""
        for name, value in headers:
            if name == b"accept":
                accept = accept + b"," + value if accept else value
            elif name == b"accept-encoding":
                encodings = encodings + b"," + value if encodings else value
            elif name == b"if-none-match":
                known = value
        return cls(form_for(accept), _takes_gzip(encodings), known)


@lru_cache(maxsize=1024)
def _takes_gzip(encodings: bytes) -> bool:
    return choose_form(encodings.decode("latin-1").replace("x-gzip", "gzip") or "identity", ("gzip",)) is not None


@dataclass(frozen=True)
class Ready:
    """An answer that is ready to go. etag: with its quotation marks. until: when it is too old, in seconds."""

    headers: Headers
    body: bytes = field(repr=False)
    etag: bytes = b""
    until: float = inf

    @cached_property
    def head(self) -> bytes:
        """The headers as they go over the wire, but for the status line and the date."""
        return _written(self.headers)

    @cached_property
    def head_unchanged(self) -> bytes:
        """Those of the answer that nothing has changed."""
        return _written(self.headers_unchanged)

    @property
    def headers_unchanged(self) -> Headers:
        """The headers of an answer without a body (RFC 9110, 15.4.5)."""
        left_out = (b"content-length", b"content-type", b"content-encoding")
        return [one for one in self.headers if one[0] not in left_out]

    @classmethod
    def of(cls, rendered: Rendered, headers: Headers, *, packed: bool, until: float = inf) -> Ready:
        """Make the answer out of a body and further headers."""
        body, etag = rendered.body, rendered.etag.encode()
        own: Headers = [(b"content-type", rendered.content_type.encode())]
        if packed and rendered.packed is not None:
            body, etag = rendered.packed, etag[:-1] + b'-gzip"'
            own.append((b"content-encoding", b"gzip"))
        own += [(b"content-length", b"%d" % len(body)), (b"etag", etag), (b"vary", b"Accept, Accept-Encoding")]
        return cls([*own, *headers], body, etag, until)

    async def send(self, send: Send, known: bytes) -> int:
        """Send it, or only that nothing has changed since ``known`` (If-None-Match); return the status."""
        if known and matches(known, self.etag):
            await send({"type": "http.response.start", "status": 304, "headers": self.headers_unchanged})
            await send({"type": "http.response.body"})
            return 304
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})
        return 200


def _written(headers: Headers) -> bytes:
    return b"".join(b"%s: %s\r\n" % one for one in headers) + b"\r\n"


def matches(known: bytes, etag: bytes) -> bool:
    """Return whether an ``If-None-Match`` header names ``etag`` (RFC 9110, 13.1.2; compared weakly)."""
    return known.strip() == b"*" or any(one.strip().removeprefix(b"W/") == etag for one in known.split(b","))


class HotPages:
    """What was answered, by what was asked for; the least recently used goes first. For the event loop.

    most: bytes, of pages and of the requests for them. clock: seconds that only go forward.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._size = self._size_of_requests = 0
        self.hits = 0
        self._pages: OrderedDict[_Key, Ready] = OrderedDict()
        self._requests: OrderedDict[bytes, tuple[bytes, Wishes]] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes that they take, with the requests for them."""
        return self._size + self._size_of_requests

    def find(self, path: bytes, wishes: Wishes) -> Ready | None:
        """Return what a request is to be answered with, if it is known. path: as it was sent, with its query."""
        key = path, wishes.form, wishes.packed
        ready = self._pages.get(key)
        if ready is None:
            return None
        if ready.until < self._clock():
            self._remove(key)
            return None
        self._pages.move_to_end(key)
        self.hits += 1
        return ready

    def find_again(self, request: bytes) -> tuple[Ready, bytes] | None:
        """Return the answer to a request that is remembered, and what the client has of it.

        request: its line and headers, as they were sent: the same bytes each time that a client wants a page.
        """
        known = self._requests.get(request)
        if known is None:
            return None
        self._requests.move_to_end(request)
        ready = self.find(*known)
        return None if ready is None else (ready, known[1].known)

    def remember(self, request: bytes, path: bytes, wishes: Wishes) -> None:
        """Remember what a request asks for."""
        if len(request) > _LONGEST_REQUEST:
            return
        if request not in self._requests:
            self._size_of_requests += len(request) + _REQUEST_OVERHEAD
        self._requests[request] = path, wishes
        self._requests.move_to_end(request)
        while len(self._requests) > _MOST_REQUESTS or self._size_of_requests > self._most // _OF_REQUESTS:
            gone, _ = self._requests.popitem(last=False)
            self._size_of_requests -= len(gone) + _REQUEST_OVERHEAD
        self._make_room()

    def keep(self, path: bytes, wishes: Wishes, ready: Ready) -> None:
        """Keep the answer to a request, as far as there is room."""
        size = len(ready.body) + _OVERHEAD
        if size > self._most // 4:
            return
        key = path, wishes.form, wishes.packed
        self._remove(key)
        self._pages[key] = ready
        self._size += size
        self._make_room()

    def _make_room(self) -> None:
        while self.size > self._most:
            self._remove(next(iter(self._pages)))

    def _remove(self, key: _Key) -> None:
        removed = self._pages.pop(key, None)
        if removed is not None:
            self._size -= len(removed.body) + _OVERHEAD
