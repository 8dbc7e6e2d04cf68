"""The metadata of a wheel without the wheel: what an index serves beside it (PEP 658), or a few ranges of it."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable

from cachi2ish.core.pages import IndexFile, digests_of
from cachi2ish.core.urls import Address
from cachi2ish.http.interface import Http

_OK, _PARTIAL = 200, 206

#: Bytes that are asked for at once. The directory of a zip archive is at its end, and METADATA near it, mostly.
_PORTION = 1 << 16

#: Bytes of a METADATA that is read, and of a directory that is looked at.
_MOST = 8 << 20

_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError, NotImplementedError)


class WheelMetadata:
    """Implements `MetadataFiles`. http: returns the client, which is made when it is first needed."""

    def __init__(self, http: Callable[[], Http]) -> None:
        self._http = http

    def of_wheel(self, file: IndexFile) -> bytes | None:
        """Return METADATA, None where it is not to be had; raises `NetworkError`, `NotCachedError`.

        What stands in a wheel is not checked against its digest, since most of the wheel is not read: whoever
        installs it has it checked.
        """
        return self._beside(file) or self._inside(file)

    def _beside(self, file: IndexFile) -> bytes | None:
        if file.core_metadata is None:
            return None
        answer = self._http().get(f"{_plain(file.url)}.metadata")
        if answer.status != _OK:
            return None
        promised = digests_of(file.core_metadata)
        wrong = any(
            hashlib.new(one.algorithm, answer.body).hexdigest() != one.value
            for one in promised
            if one.algorithm in {"sha256", "sha384", "sha512"}
        )
        return None if wrong else answer.body

    def _inside(self, file: IndexFile) -> bytes | None:
        try:
            # Buffered: a raw file may give less than it is asked for, where that lies in several parts.
            parts = io.BufferedReader(_Ranges(self._http(), _plain(file.url), file.size))
            with zipfile.ZipFile(parts) as archive:
                names = [
                    one for one in archive.infolist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", one.filename)
                ]
                if len(names) != 1 or names[0].file_size > _MOST:
                    return None
                with archive.open(names[0]) as content:
                    return content.read(_MOST)
        except _BROKEN:
            return None


def _plain(url: str) -> str:
    return Address(url).without_fragment().with_credentials


class _Ranges(io.RawIOBase):
    """A file on a server, of which those parts are fetched that are read; all of it where it has no ranges."""

    def __init__(self, http: Http, url: str, size: int | None) -> None:
        super().__init__()
        self._http = http
        self._url = url
        self._position = 0
        self._parts: list[tuple[int, bytes]] = []
        self._read = 0
        wanted = f"bytes=-{_PORTION}" if size is None else f"bytes={max(0, size - _PORTION)}-{max(0, size - 1)}"
        self._size = self._ask(wanted)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # the buffer of a raw file is writable
        """Fill ``buffer``; 0 at the end."""
        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        held = self._held() or self._fetched()
        piece = held[:wanted]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _held(self) -> bytes:
        for start, content in self._parts:
            if start <= self._position < start + len(content):
                return content[self._position - start :]
        return b""

    def _fetched(self) -> bytes:
        ends = [start for start, _ in self._parts if start > self._position]
        end = min(self._position + _PORTION, *ends, self._size)
        self._ask(f"bytes={self._position}-{end - 1}")
        held = self._held()
        if not held:
            raise OSError("the server sends another part than it was asked for")
        return held

    def _ask(self, wanted: str) -> int:
        """Fetch a part; return the size of the whole file."""
        answer = self._http.get(self._url, headers={"Range": wanted, "Accept-Encoding": "identity"})
        found = _RANGE.match(answer.headers.get("content-range", ""))
        self._read += len(answer.body)
        if answer.status == _PARTIAL and found is not None and self._read <= _MOST:
            self._parts.append((int(found[1]), answer.body))
            return int(found[3])
        if answer.status == _OK:
            self._parts = [(0, answer.body)]
            return len(answer.body)
        raise OSError(f"HTTP {answer.status}")
