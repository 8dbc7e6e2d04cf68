"""The network of a run that may not use one: files come from the cache, and what is not there is told."""

from __future__ import annotations

from collections.abc import Mapping

from cachi2ish.core.addresses import redact
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.errors import NotCachedError
from cachi2ish.net.interface import Advance, Response
from cachi2ish.net.proof import cached
from cachi2ish.store.interface import BlobStore


class NoHttp:
    """Implements `Http` for what is never to ask: whatever asks it all the same, no request leaves the process."""

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:  # noqa: ARG002
        """Raise `NotCachedError`."""
        raise NotCachedError(f"{redact(url)} is not in the cache")


class CachedFiles:
    """Implements `Downloader` with the cache alone. Safe for threads as far as ``blobs`` is."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def fetch(self, artifact: Artifact, advance: Advance) -> Blob:  # noqa: ARG002
        """Return the file from the cache; raises `NotCachedError` for one that is not there."""
        blob = cached(artifact, self._blobs)
        if blob is not None:
            return blob
        if not artifact.verifiable:
            raise NotCachedError(
                f"{artifact.filename} cannot be found in the cache: neither the requirements file nor the index"
                " states a strong digest of it",
                hint="add its hash to the requirement (--hash=sha256:…): the cache is addressed by content",
                origin=artifact.origin,
            )
        raise NotCachedError(
            f"{artifact.filename} ({redact(artifact.url)}) is not in the cache",
            origin=artifact.origin,
            dispensable=bool(artifact.allowed),
        )
