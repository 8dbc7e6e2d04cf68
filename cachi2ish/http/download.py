"""One file on its way from a server into a writer: cut off, taken up again, begun anew, until it is whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from cachi2ish.cache.interface import BlobStore, BlobWriter, Recollection
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.errors import DigestMismatchError, HostError, NetworkError, NotLockedError, located
from cachi2ish.http.bodies import CHUNK_SIZE, Stream
from cachi2ish.http.interface import Advance, OnSize, ignore_size, refused_hint
from cachi2ish.http.parts import PartedFile, PartedFiles, content_range, validator_of
from cachi2ish.http.retries import TransientError
from cachi2ish.http.session import HttpSession
from cachi2ish.http.unnamed import Unnamed, recall, remember
from cachi2ish.http.verification import algorithms, cached, key_of, mismatch, not_locked, wrong_length

#: Bytes of progress that make the count of failed attempts begin anew: a large file over a bad line may be cut
#: more often than one request may fail. (Not every byte does, or a server could keep us for ever.)
_PROGRESS = 1024 * 1024

_HINTS = {
    401: "put the user name and password into the index address or into a netrc file, or ask keyring for it",
    403: "check that the credentials, if any, give access to this file",
    404: "the file is gone, though something links to it: update the lock file, or ask who runs the server",
    410: "the file is gone, though something links to it: update the lock file, or ask who runs the server",
}


class Transfer:
    """One fetch of one artifact. Not to be shared between threads.

    unnamed: what its address has sent before and is not wanted. validator: of what it sends now, None for none.
    """

    def __init__(
        self,
        http: HttpSession,
        artifact: Artifact,
        writer: BlobWriter,
        advance: Advance,
        on_size: OnSize,
        parts: PartedFiles,
        unnamed: Unnamed | None = None,
    ) -> None:
        self._http = http
        self._parts = parts
        self._on_size = on_size
        self._artifact = artifact
        self._writer = writer
        self._advance = advance
        self._unnamed = unnamed
        self._counted = 0
        self.validator: str | None = None
        self._spliced = False
        self._renewed = False
        self._alone = False
        self._parted: PartedFile | None = None

    def run(self) -> None:
        """Fill the writer, and check everything.

        Raises `DigestMismatchError`, `NetworkError` and `StorageError`.
        """
        self._receive_all()
        wrong = mismatch(self._artifact, self._writer)
        if wrong is not None and self._spliced:
            # The pieces may be of two versions of the file. Once more in one piece, before crying wolf.
            self._renewed = self._alone = True
            self._restart()
            self._receive_all(resume=False)
            wrong = mismatch(self._artifact, self._writer)
        if wrong is not None:
            raise wrong

    def _receive_all(self, *, resume: bool = True) -> None:
        attempts = self._http.attempts(self._artifact.url)
        milestone = self._writer.offset + _PROGRESS
        while True:
            try:
                if self._receive(resume=resume):
                    return
                continue
            except TransientError as error:
                failure = error
            if self._writer.offset >= milestone:
                milestone = self._writer.offset + _PROGRESS
                attempts.forget()
            self._advance(0)  # whoever listens may have no use for the file by now, and say so before the wait
            attempts.failed(failure.about(f"{self._artifact.filename} cannot be downloaded"))

    def _receive(self, *, resume: bool) -> bool:
        """Make one request; return whether the file is whole, or has to be asked for from its start."""
        if not (resume and self._resumable()):
            self._restart()
        offset = self._writer.offset
        if offset and offset == self._artifact.size:
            self._spliced = True
            return True
        condition = self._unnamed.condition if self._unnamed and not offset else {}
        headers = {"Accept-Encoding": "identity", **self._range(offset), **condition}
        try:
            return self._answered(headers, offset) and self._joined()
        finally:
            if self._parted is not None:
                self._parts.close(self._parted)
                self._parted = None

    def _answered(self, headers: Mapping[str, str], offset: int) -> bool:
        with self._http.stream(self._artifact.url, headers=headers) as stream:
            if offset and not self._continues(stream, offset):
                stream.drain()
                self._restart()
                return False
            if stream.status == HTTPStatus.OK:
                self._restart()
                self._check_announced(stream)
            elif stream.status == HTTPStatus.NOT_MODIFIED and self._unnamed and not offset:
                raise not_locked(self._artifact, self._unnamed.digests)
            elif stream.status != HTTPStatus.PARTIAL_CONTENT or not offset:
                stream.drain()
                raise self._refused(stream)
            self.validator = validator_of(stream.headers)
            if (size := _whole_size(stream)) is not None:
                self._on_size(size)
            whole = self._copy(stream, self._artifact.size if self._artifact.size is not None else _total(stream))
        if not whole:
            self._http.drop_idle(stream.url)
        return whole

    def _copy(self, stream: Stream, size: int | None) -> bool:
        """Return whether all is there; else the connection is too slow for the line, and a new one may do better.

        What a connection gets of a full line is decided at its beginning, and some get a tenth of what others do.
        Such a one stays slow for seconds when these have ended, where a new one fills the line after some round
        trips.
        """
        flow = self._http.flow(stream.url)
        may_go_on = self._artifact.verifiable and stream.headers.get("accept-ranges", "").lower() == "bytes"
        if may_go_on and size is not None and not self._alone:
            self._parted = self._parts.offer(self._artifact, self.validator, self._writer.offset, size)
        for chunk in stream.chunks():
            self._append(chunk if self._parted is None else self._parted.take(self._parted.parts[0], chunk))
            if self._artifact.size is not None and self._writer.offset > self._artifact.size:
                raise wrong_length(self._artifact, None)
            if self._parted is not None and self._parted.is_parted:
                if self._writer.offset >= self._parted.parts[0].end:
                    return True
                continue
            if not self._renewed and may_go_on and flow.lags(len(chunk), (size or 0) - self._writer.offset):
                if stream.unread() >= CHUNK_SIZE:
                    continue  # it is we who are slow
                self._renewed = True  # once: a server that is slow stays so
                return False
        if size is not None and self._writer.offset < size:
            # The server closed an answer without length, or chose to send only a part of what it was asked for.
            raise TransientError(f"{stream.url} sent {self._writer.offset} bytes of {size}")
        return True

    def _joined(self) -> bool:
        """Append what others have brought of the end; return whether that is all."""
        if self._parted is None or not self._parted.is_parted:
            return True
        self._spliced = True
        for descriptor, size in self._parted.others(on_wait=lambda: self._advance(0)):
            for offset in range(0, size, CHUNK_SIZE):
                self._append(os.pread(descriptor, min(CHUNK_SIZE, size - offset), offset))
        self._alone = self._writer.offset != self._parted.size
        return not self._alone

    def _append(self, chunk: bytes) -> None:
        self._writer.write(chunk)
        self._counted += len(chunk)
        self._advance(len(chunk))

    def _restart(self) -> None:
        if self._writer.offset:
            self._writer.restart()
        if self._counted:
            self._advance(-self._counted)
        self._counted = 0
        self.validator = None
        self._spliced = False

    def _resumable(self) -> bool:
        """Whether more bytes may be put after those that are there.

        With a strong digest a wrong splice is found out at the end. Without, only a strong entity tag proves
        that both pieces are of one file, and the tag of an earlier run is not kept.
        """
        offset, size = self._writer.offset, self._artifact.size
        if size is not None and offset > size:
            return False
        return bool(offset) and (self._artifact.verifiable or (self.validator or "").startswith('"'))

    def _range(self, offset: int) -> Mapping[str, str]:
        if not offset:
            return {}
        # If-Range (RFC 9110 section 13.1.5): the whole file, if it is no longer the one that was begun.
        condition = {"If-Range": self.validator} if self.validator else {}
        return {"Range": f"bytes={offset}-", **condition}

    def _continues(self, stream: Stream, offset: int) -> bool:
        """Whether an answer to a range request can be used: the rest of the file, or all of it."""
        if stream.status != HTTPStatus.PARTIAL_CONTENT:
            return stream.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        current = validator_of(stream.headers)
        if current != self.validator and (not self._artifact.verifiable or (current and self.validator)):
            return False  # a part of another version is never put behind the first (RFC 9110 section 15.3.7.3)
        self._spliced = True
        start, total = content_range(stream.headers)
        return start == offset and (total is None or self._artifact.size in (None, total))

    def _check_announced(self, stream: Stream) -> None:
        announced = stream.headers.get("content-length", "")
        if self._artifact.size is not None and announced.isdigit() and int(announced) != self._artifact.size:
            raise wrong_length(self._artifact, int(announced))

    def _refused(self, stream: Stream) -> NetworkError:
        problem = f"{self._artifact.filename} cannot be downloaded: {stream.url} answers {stream.says}"
        if stream.status == HTTPStatus.UNAUTHORIZED:  # whatever else is requested of that host
            cause, hint = (stream.url.host, str(stream.status), stream.credentials), _HINTS[stream.status]
            if stream.credentials:
                problem += f" to the user name and password from {stream.credentials}"
                hint = refused_hint(stream.credentials)
            return HostError(problem, hint=hint, cause=cause)
        return NetworkError(
            problem,
            hint=_HINTS.get(stream.status, "the server does not do what HTTP asks of it; try another index"),
        )


def _total(stream: Stream) -> int | None:
    return content_range(stream.headers)[1] if stream.status == HTTPStatus.PARTIAL_CONTENT else None


def _whole_size(stream: Stream) -> int | None:
    """Return how long the file is, None where its server does not say."""
    if stream.status == HTTPStatus.PARTIAL_CONTENT:
        return _total(stream)
    length = stream.headers.get("content-length", "")
    plain = stream.headers.get("content-encoding", "identity").strip().lower() == "identity"
    return int(length) if plain and length.isascii() and length.isdigit() else None


class FileDownloader:
    """Implements `Downloader`. Safe to use from many threads. clock: seconds that only go forward."""

    def __init__(
        self,
        http: HttpSession,
        blobs: BlobStore,
        recollection: Recollection,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._blobs = blobs
        self._recollection = recollection
        self._parts = PartedFiles(http, blobs, clock)

    def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
        """Return the file, as `Downloader.fetch` says; every error names the artifact's origin."""
        with located(artifact.origin):
            return cached(artifact, self._blobs) or self._download(artifact, advance, on_size)

    def _download(self, artifact: Artifact, advance: Advance, on_size: OnSize) -> Blob:
        key = key_of(artifact)
        if not artifact.verifiable:
            # Nothing would show that the rest belongs to what an earlier run has left.
            self._blobs.discard(key)
        try:
            with self._blobs.writer(key, algorithms(artifact)) as writer:
                unnamed = recall(artifact, self._recollection)
                transfer = Transfer(self._http, artifact, writer, advance, on_size, self._parts, unnamed)
                try:
                    transfer.run()
                except NotLockedError:
                    remember(artifact, writer, transfer.validator, self._recollection)
                    raise
                return writer.commit()
        except DigestMismatchError:
            self._blobs.discard(key)
            raise

    def spare_work(self, threads: int, waiting: int = 0) -> Callable[[], None] | None:
        """Return what brings a part of a file that is under way, as `PartedFiles.spare_work` says."""
        return self._parts.spare_work(threads, waiting)
