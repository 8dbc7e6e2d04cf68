"""The network of a run that may not use one, or that opens it when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cachi2ish.cache.interface import BlobStore, Recollection
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.digests import Digest, InvalidDigestError
from cachi2ish.core.urls import Address
from cachi2ish.errors import NotCachedError, located
from cachi2ish.http.interface import Advance, Downloader, OnSize, Response, ignore_size
from cachi2ish.http.verification import cached


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
