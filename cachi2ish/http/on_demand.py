"""What brings files without a network, or opens one when it is first needed: the cache, and the source tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from cachi2ish.cache.interface import BlobStore, Recollection
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.digests import Digest, InvalidDigestError
from cachi2ish.core.urls import Address
from cachi2ish.errors import LockFileError, NotCachedError, StorageError, located
from cachi2ish.files.foreign import UnfitFileError, stream_foreign
from cachi2ish.http.interface import Advance, Downloader, OnSize, Response, ignore_size
from cachi2ish.http.verification import algorithms, cached, key_of, mismatch


class CachedFirst:
    """Implements `Downloader`: what the cache lacks is fetched by one that is made for the first such file.

    recollection: keeps what addresses have sent of which the index states no digest.
    """

    def __init__(self, blobs: BlobStore, recollection: Recollection, downloader: Callable[[], Downloader]) -> None:
        self._blobs = blobs
        self._recollection = recollection
        self._downloader = downloader

    def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
        """Return the file, as `Downloader.fetch` says."""
        with located(artifact.origin):
            blob = cached(artifact, self._blobs, _delivered(artifact, self._recollection))
            if blob is None:
                blob = self._downloader().fetch(artifact, advance, on_size)
                if artifact.allowed and not artifact.digests:
                    self._recollection.put(_key(artifact), str(blob.digest))
            return blob


class Offline:
    """Implements `Http` and `Downloader` for what is never to ask: no request leaves the process."""

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:  # noqa: ARG002
        """Raise `NotCachedError`."""
        raise NotCachedError(f"{Address(url)} is not in the cache")

    def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:  # noqa: ARG002
        """Raise `NotCachedError`."""
        if not artifact.verifiable:
            raise NotCachedError(
                f"{artifact.filename} cannot be found in the cache: neither the requirements file nor the index"
                " states a strong digest of it",
                hint="add its hash to the requirement (--hash=sha256:…): the cache is addressed by content",
            )
        problem = f"{artifact.filename} ({artifact.url}) is not in the cache"
        raise NotCachedError(problem, dispensable=bool(artifact.allowed))


def _delivered(artifact: Artifact, recollection: Recollection) -> Digest | None:
    """Return the digest of what the address of a file has sent, where nothing else tells which file that is."""
    known = recollection.get(_key(artifact)) if artifact.allowed and not artifact.digests else None
    try:
        return Digest.parse(known) if known else None
    except InvalidDigestError:
        return None


def _key(artifact: Artifact) -> str:
    return f"delivered\n{artifact.url.without_fragment().redacted}\n{artifact.filename}"


_CHANGED = "take it from version control as it was when it was locked, or lock again"
_COMMIT = "is it under version control? a lock names it by its path from the lock"


class LocalFilesFirst:
    """Implements `Downloader`: what has the address ``file:PATH`` is read from the source, each time anew.

    source: what PATH is relative to. others: brings the files of all other addresses.
    """

    def __init__(self, source: Path, blobs: BlobStore, others: Downloader) -> None:
        self._source = source
        self._blobs = blobs
        self._others = others

    def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
        """Return the file, as `Downloader.fetch` says; raises `LockFileError` for one that is not there."""
        if artifact.url.scheme != "file":
            return self._others.fetch(artifact, advance, on_size)
        path = unquote(artifact.url.path)
        try:
            return self._copy(artifact, self._inside(artifact, path))
        except FileNotFoundError:
            problem, hint = f"the source has no file {path}", _COMMIT
        except UnfitFileError as error:
            problem, hint = f"{path} in the source {error.strerror}", error.hint
        except IsADirectoryError:
            problem, hint = f"{path} in the source is a directory, and no archive", _CHANGED
        except OSError as error:
            raise StorageError(
                f"{path} in the source cannot be read: {error.strerror}",
                hint="check that you may read it",
                origin=artifact.origin,
            ) from None
        raise LockFileError(problem, hint=hint, origin=artifact.origin)

    def _inside(self, artifact: Artifact, path: str) -> Path:
        """Return the path of a file, all links followed; raises `LockFileError` where they lead out."""
        root = Path(os.path.realpath(self._source))
        real = Path(os.path.realpath(root / path))
        if real.is_relative_to(root):
            return real
        raise LockFileError(
            f"{path} is a link that leads out of the source",
            hint="put the file itself in its place",
            origin=artifact.origin,
        )

    def _copy(self, artifact: Artifact, path: Path) -> Blob:
        with self._blobs.writer(f"source {key_of(artifact)}", algorithms(artifact)) as writer:
            if writer.offset:  # what is there may be of another file of this path
                writer.restart()
            for chunk in stream_foreign(path):
                writer.write(chunk)
            wrong = mismatch(artifact, writer)
            if wrong is None:
                return writer.commit()
        self._blobs.discard(f"source {key_of(artifact)}")
        raise wrong.reworded(wrong.problem, _CHANGED)
