"""The rest of a large file in parts, each over a connection of its own, once nothing else is left to fetch."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from threading import Condition

from cachi2ish.cache.interface import BlobStore, BlobWriter
from cachi2ish.core.artifacts import Artifact
from cachi2ish.errors import Cachi2ishError
from cachi2ish.http.bodies import CHUNK_SIZE
from cachi2ish.http.retries import TransientError
from cachi2ish.http.session import HttpSession
from cachi2ish.http.verification import key_of

#: Bytes of the smallest part, but for what is left of one that is slow itself. How far one has come is known to a
#: piece of its body: less says nothing.
_LEAST, _PIECE = CHUNK_SIZE, CHUNK_SIZE // 4

#: Seconds that a part has to go on by itself to be worth a request of somebody else: some round trips.
_WORTH = 0.25

#: A part has to take so much longer than all that is left, so that it is worth a request before files that wait.
_MARGIN = 1.25

#: Seconds after which one knows how fast a part comes.
_YOUNG = 0.3

#: Parts of one file at the most: its server is to see some requests, and not hundreds.
_MOST = 16


class Part:
    """The bytes from ``start`` to before ``end``, as one answer brings them; ``offset`` comes next.

    ended: whether nobody brings it any more. descriptor: of a file that has all of it, once it is there.
    """

    __slots__ = ("descriptor", "end", "ended", "offset", "start", "started_at")

    def __init__(self, start: int, end: int, now: float) -> None:
        self.start, self.end, self.offset = start, end, start
        self.started_at = now
        self.ended = False
        self.descriptor: int | None = None

    def seconds_left(self, now: float) -> float:
        """Return how long it takes to its end, as fast as it came so far; 0 where nothing has come yet."""
        speed = self.speed(now)
        return (self.end - self.offset) / speed if speed else 0.0

    def speed(self, now: float) -> float:
        """Return how many bytes a second came so far; 0 for a part that is there, or has just been asked for."""
        seconds = now - self.started_at
        return (
            (self.offset - self.start) / seconds if seconds and not self.ended and self.offset < self.end else 0.0
        )


class PartedFile:
    """A file on its way whose end others may bring. Its first part is brought by who asked for it.

    given_up: whether no further parts can be had. closed: whether nobody has a use for any.
    """

    def __init__(self, changed: Condition, artifact: Artifact, validator: str | None, first: Part) -> None:
        self.artifact = artifact
        self.validator = validator
        self.size = first.end
        self.given_up = self.closed = False
        self.parts = [first]
        self._changed = changed

    @property
    def is_parted(self) -> bool:
        """Whether somebody else brings, or has brought, the end."""
        return len(self.parts) > 1

    def take(self, part: Part, chunk: bytes) -> bytes:
        """Note that the next bytes of a part are here; return those of them that belong to it."""
        with self._changed:
            if part.end < self.size:
                chunk = chunk[: max(0, part.end - part.offset)]
            part.offset += len(chunk)
            return chunk

    def end(self, part: Part, descriptor: int | None) -> None:
        """Have a part end: there, or (None) not to be had this way, as then no other is."""
        with self._changed:
            part.ended = True
            if descriptor is None:
                self.given_up = True
            elif self.closed:
                os.close(descriptor)
            else:
                part.descriptor = descriptor
            self._changed.notify_all()

    def others(self, on_wait: Callable[[], None]) -> Iterator[tuple[int, int]]:
        """Yield what others bring, in order, when it is there: a descriptor of a file, and how many bytes it has.

        Ends early where a part is not to be had. on_wait: is called now and then meanwhile.
        """
        number = 1
        while number < len(self.parts):
            part = self.parts[number]
            self._wait_for(part, on_wait)
            if part.descriptor is None:
                return
            yield part.descriptor, part.end - part.start
            number += 1

    def _wait_for(self, part: Part, on_wait: Callable[[], None]) -> None:
        while not part.ended:
            on_wait()
            with self._changed:
                self._changed.wait_for(lambda: part.ended, _WORTH)


class PartedFiles:
    """The files under way. Safe to use from many threads.

    blobs: have room for parts, which are never seen there. clock: seconds that only go forward.
    """

    def __init__(self, http: HttpSession, blobs: BlobStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._blobs = blobs
        self._clock = clock
        self._changed = Condition()
        self._open: list[PartedFile] = []

    def offer(self, artifact: Artifact, validator: str | None, offset: int, size: int) -> PartedFile:
        """Let others bring the end of a file whose bytes from ``offset`` on are on their way; to be `close`d."""
        file = PartedFile(self._changed, artifact, validator, Part(offset, size, self._clock()))
        with self._changed:
            self._open.append(file)
        return file

    def close(self, file: PartedFile) -> None:
        """Let go of a file and of what others have brought, or go on to bring."""
        with self._changed:
            self._open.remove(file)
            file.given_up = file.closed = True
            held = [part.descriptor for part in file.parts if part.descriptor is not None]
            for part in file.parts:
                part.descriptor = None
        for descriptor in held:
            os.close(descriptor)

    def spare_work(self, threads: int, waiting: int) -> Callable[[], None] | None:
        """Return what brings the end of what would take longest, None where nothing is worth that.

        threads: that share all that is left. Each is given its share of that and no more, so that few parts are
        cut short: what is under way of such a one comes in vain.
        waiting: bytes of files that nobody has begun. What ends before these do needs no help.
        """
        found = self.split(threads, waiting)
        return None if found is None else partial(self._bring, *found)

    def split(self, threads: int, waiting: int = 0) -> tuple[PartedFile, Part] | None:
        """Cut that end off, for the caller to bring and to `PartedFile.end`."""
        now = self._clock()
        with self._changed:
            parts = [(file, part) for file in self._open for part in file.parts]
            left = waiting + sum(part.end - part.offset for _, part in parts)
            share = max(_LEAST, left // threads)
            seconds, file, slowest = max(
                (
                    (part.seconds_left(now), file, part)
                    for file, part in parts
                    if not file.given_up
                    and len(file.parts) < _MOST
                    and part.end - part.offset >= 2 * (_LEAST if part is file.parts[0] else _PIECE)
                    and now - part.started_at >= _YOUNG
                ),
                key=lambda found: found[0],
                default=(0.0, None, None),
            )
            if file is None or slowest is None or seconds < _WORTH:
                return None
            if waiting and seconds < _MARGIN * left / sum(part.speed(now) for _, part in parts):
                return None
            middle = slowest.end - min(share, (slowest.end - slowest.offset) // 2)
            part = Part(middle, slowest.end, now)
            slowest.end = middle
            file.parts.insert(file.parts.index(slowest) + 1, part)
            return file, part

    def _bring(self, file: PartedFile, part: Part) -> None:
        key, descriptor = f"{key_of(file.artifact)} {part.start}", None
        try:
            with self._blobs.writer(key, ()) as writer:
                try:
                    if writer.offset:
                        writer.restart()
                    if self._came(file, part, writer):
                        descriptor = writer.duplicate()
                finally:
                    self._blobs.discard(key)
        except (Cachi2ishError, TransientError):
            pass  # who waits for the file asks for the rest, as often as it takes
        finally:
            file.end(part, descriptor)

    def _came(self, file: PartedFile, part: Part, writer: BlobWriter) -> bool:
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={part.start}-{part.end - 1}"}
        if file.validator:
            headers["If-Range"] = file.validator
        with self._http.stream(file.artifact.url, headers=headers) as stream:
            if (
                stream.status != HTTPStatus.PARTIAL_CONTENT
                or content_range(stream.headers) != (part.start, file.size)
                or validator_of(stream.headers) not in {None, file.validator}
            ):
                return False
            for chunk in stream.chunks(_PIECE):
                writer.write(file.take(part, chunk))
                if part.offset >= part.end or file.closed:
                    break
        return part.offset == part.end


def validator_of(headers: Mapping[str, str]) -> str | None:
    """Return what ``If-Range`` may carry: a strong entity tag, or else the date."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else headers.get("last-modified")


def content_range(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return where a part begins and how long the whole is, None for what is not said."""
    found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
    if found is None:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])
