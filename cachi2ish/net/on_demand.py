"""A network that is opened when it is first needed: a run that finds all in the cache loads no library for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.errors import Cachi2ishError
from cachi2ish.net.interface import Advance, Downloader, Http, Response
from cachi2ish.net.proof import cached
from cachi2ish.store.interface import BlobStore


class OnDemandHttp:
    """Implements `Http` with a client that is made for the first request."""

    def __init__(self, client: Callable[[], Http]) -> None:
        self._client = client

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET request, as `Http.get` says."""
        return self._client().get(url, headers=headers)


class CachedFirst:
    """Implements `Downloader`: what the cache lacks is fetched by one that is made for the first such file."""

    def __init__(self, blobs: BlobStore, downloader: Callable[[], Downloader]) -> None:
        self._blobs = blobs
        self._downloader = downloader

    def fetch(self, artifact: Artifact, advance: Advance) -> Blob:
        """Return the file, as `Downloader.fetch` says."""
        try:
            return cached(artifact, self._blobs) or self._downloader().fetch(artifact, advance)
        except Cachi2ishError as error:
            error.origin = error.origin or artifact.origin
            raise
