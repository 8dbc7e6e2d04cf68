"""Answers with files of the disk: the whole, a part, or that nothing has changed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cachi2ish.mirror.server.replies import Refused
from cachi2ish.mirror.server.sending.request_wire import Wire

_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?")

#: Returns a header of a request by its name in lower case, else the second value.
HeaderOf = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The part of a file that a client wants. end: None for its end; start: less than 0 counts from there."""

    start: int
    end: int | None

    @classmethod
    def of(cls, header: HeaderOf, etag: str) -> ByteRange | None:
        """Return what ``Range`` asks for; None for the whole: several parts are not served as such."""
        found = _RANGE.fullmatch(header("range", "").replace(" ", ""))
        if found is None or header("if-range", etag) != etag or found[0] == "bytes=-":
            return None
        if found[1] is None:
            return cls(-int(found[2]), None)
        if found[2] is not None and int(found[2]) < int(found[1]):
            return None
        return cls(int(found[1]), None if found[2] is None else int(found[2]) + 1)

    def within(self, size: int) -> tuple[int, int] | None:
        """Return where it begins and ends in a file of ``size`` bytes; None where nothing of it is there."""
        start = max(0, size + self.start) if self.start < 0 else self.start
        end = size if self.end is None else min(size, self.end)
        return (start, end) if start < end else None


class HeldFile(Response):
    """A file from the disk, or a part of it. It is closed when it is sent."""

    def __init__(self, file: BinaryIO, start: int, end: int, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(None, status, {**headers, "content-length": str(end - start)})
        self._file = file
        self._start, self._end = start, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (as Starlette calls it)
        """Send it; a client that goes away ends it."""
        with self._file, suppress(OSError):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD" and self._end > self._start:
                await Wire.of(scope).send_file(scope, self._file, self._start, self._end - self._start)
            await send({"type": "http.response.body"})

    def content(self, *, with_body: bool) -> bytes | None:
        """Return what is to be sent, and close the file; None where it cannot be read to its end."""
        count = self._end - self._start if with_body else 0
        with self._file, suppress(OSError):
            content = os.pread(self._file.fileno(), count, self._start) if count else b""
            return content if len(content) == count else None
        return None


def headers_of_file(key: str, *, private: bool = False) -> dict[str, str]:
    """Return the headers of what never changes. key: in its address; stands in the ETag."""
    cache = f"{'private, ' if private else ''}max-age=31536000, immutable"
    return {
        "cache-control": cache,
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
        "etag": f'"{key}"',
    }


def held_file(header: HeaderOf, path: Path, headers: Mapping[str, str]) -> Response:
    """Return a file of the disk, the part that is asked for, or that nothing has changed. Raises `OSError`."""
    if is_known(header, headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return opened(path, ByteRange.of(header, headers["etag"]), headers)


def is_known(header: HeaderOf, etag: str) -> bool:
    """Return whether a client has what it asks for (If-None-Match)."""
    known = header("if-none-match", "")
    return any(one.strip().removeprefix("W/") in {etag, "*"} for one in known.split(","))


def opened(path: Path, span: ByteRange | None, headers: Mapping[str, str]) -> Response:
    """Return the part ``span`` of a file, or the whole, and open it for that. Raises `OSError`."""
    # A named pipe would be waited for, with everybody else's requests.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if not S_ISREG(found.st_mode):
        os.close(descriptor)
        return Refused(HTTPStatus.NOT_FOUND, f"{path.name} is no regular file")
    file = os.fdopen(descriptor, "rb", buffering=0)
    size = found.st_size
    if span is None:
        return HeldFile(file, 0, size, HTTPStatus.OK, headers)
    within = span.within(size)
    if within is None:
        file.close()
        return Refused(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the file has {size} bytes",
            {"content-range": f"bytes */{size}"},
        )
    start, end = within
    part = {**headers, "content-range": f"bytes {start}-{end - 1}/{size}"}
    return HeldFile(file, start, end, HTTPStatus.PARTIAL_CONTENT, part)
