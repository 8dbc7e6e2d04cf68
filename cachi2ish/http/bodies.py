"""An answer whose body is still to come: taken piece by piece, as a whole, or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import io
import struct
import termios
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError

from cachi2ish.core.urls import Address
from cachi2ish.errors import NetworkError
from cachi2ish.files.inflate import InflateError, inflate
from cachi2ish.http.connections import Answer
from cachi2ish.http.http_errors import translated
from cachi2ish.http.refusals import said
from cachi2ish.http.retries import TransientError

#: Bytes of a file that are in memory at once, per thread. Each piece costs a few switches between threads, and
#: hashing one is the longest time for which a connection is not read from.
CHUNK_SIZE = 256 * 1024

#: Bytes of an answer that is read as a whole, decompressed. The largest project pages have a third of that; a text
#: in Python's widest form, and a copy of it, make 400 MB of it.
LARGEST_BODY = 40_000_000

_INT = struct.Struct("i")

_GZIP = frozenset({"gzip", "x-gzip"})

#: What each gzip member begins with (RFC 1952, 2.3.1). ISA-L takes fewer than ten bytes for a beginning of one.
_MAGIC = b"\x1f\x8b"

#: Servers send one; each one costs a copy of all that follows it.
_MOST_MEMBERS = 100

#: The rest of an answer is read and thrown away up to this length, so that its connection can be used again.
_WORTH_DRAINING = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer whose body is still to come. url: after redirects; headers: names in lower case.

    credentials: where the user name and password that were sent come from, for people; "" where none were.
    authorities: which certificates are trusted, for people.
    """

    status: int
    url: Address
    headers: Mapping[str, str] = field(repr=False)
    response: BaseHTTPResponse = field(repr=False)
    credentials: str = ""
    authorities: str = ""

    @property
    def says(self) -> str:
        """The status as a person reads it: ``HTTP 404 (Not Found)``, or with the server's own words."""
        return said(self.status, self.phrase)

    @property
    def phrase(self) -> str:
        """What the status line says beside the number."""
        return self.response.reason or ""

    def chunks(self, size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Yield the body as it comes over the wire, not decompressed, in pieces of so many bytes.

        Raises `TransientError` when it ends before its announced end.
        """
        while True:
            with translated(self.url, self.authorities):
                chunk = self.response.read(size, decode_content=False)
            if not chunk:
                return
            yield chunk

    def unread(self) -> int:
        """Return how many bytes have come to this machine that nobody has taken yet; 0 where nobody knows."""
        # `http.client` lets go of the connection at the end of the body, and then looks for it all the same.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            waiting = fcntl.ioctl(self.response.fileno(), termios.FIONREAD, bytes(_INT.size))
            return int(_INT.unpack(waiting)[0])
        return 0

    def drain(self) -> None:
        """Throw the body away, so that its connection can be used again; a long one is not worth it."""
        # What cannot be read does no harm: the connection is closed then.
        with contextlib.suppress(Exception):
            if isinstance(answer := getattr(self.response, "_original_response", None), Answer):
                answer.drain()
            self.response.read(_WORTH_DRAINING, decode_content=False)

    def body(self) -> tuple[bytes, bytes]:
        """Return the whole body, decompressed, and as in `Response.packed`.

        Raises `TransientError`, and `NetworkError` for one too large.
        """
        with translated(self.url, self.authorities):
            if self.headers.get("content-encoding", "").strip().lower() not in _GZIP:
                return self._joined(self.response.stream(CHUNK_SIZE, decode_content=True)), b""
            packed = self._joined(self.chunks())
            pieces, rest = self._unpacked(packed)
            body = b"".join(pieces)  # one alone is not copied
            return body, packed if len(pieces) == 1 and not rest else b""

    def _joined(self, pieces: Iterable[bytes]) -> bytes:
        body = io.BytesIO()  # gives away what it holds without a copy
        for piece in pieces:
            body.write(piece)
            self._check_size(body.tell())
        return body.getvalue()

    def _unpacked(self, packed: bytes) -> tuple[list[bytes], bytes]:
        """Return what each member holds, and what stands behind the last one."""
        pieces: list[bytes] = []
        size, rest = 0, packed
        while rest:
            if len(pieces) == _MOST_MEMBERS:
                raise DecodeError(f"more than {_MOST_MEMBERS} gzip members")
            member = inflate()
            try:
                piece = member.decompress(rest, LARGEST_BODY + 1 - size)
                problem = "" if rest.startswith(_MAGIC[: len(rest)]) else "no gzip header"
            except InflateError as error:
                piece, problem = b"", str(error)
            if problem and pieces:
                break  # what stands behind a whole member is passed over, as gzip does
            if problem:
                raise DecodeError(problem)
            pieces.append(piece)
            size += len(piece)
            self._check_size(size)
            if not member.eof:
                raise TransientError(f"the answer from {self.url} ended too early")
            rest = member.unused_data
        return pieces, rest

    def _check_size(self, size: int) -> None:
        if size > LARGEST_BODY:
            raise NetworkError(
                f"the answer from {self.url} is larger than {LARGEST_BODY // 1_000_000} MB",
                hint="no project page is so large: check the address of the index",
            )
