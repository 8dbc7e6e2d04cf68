"""Files into the cache: from the cache itself, or streamed from their server and verified on the way."""

from __future__ import annotations

from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.errors import Cachi2ishError, DigestMismatchError
from cachi2ish.net.interface import Advance
from cachi2ish.net.proof import algorithms, cached, key_of
from cachi2ish.net.session import HttpSession
from cachi2ish.net.transfer import Transfer
from cachi2ish.store.interface import BlobStore


class FileDownloader:
    """Implements `Downloader`. Keeps no state of its own: safe to use from many threads."""

    def __init__(self, http: HttpSession, blobs: BlobStore) -> None:
        self._http = http
        self._blobs = blobs

    def fetch(self, artifact: Artifact, advance: Advance) -> Blob:
        """Return the file, as `Downloader.fetch` says; every error names the artifact's origin."""
        try:
            return cached(artifact, self._blobs) or self._download(artifact, advance)
        except Cachi2ishError as error:
            error.origin = error.origin or artifact.origin
            raise

    def _download(self, artifact: Artifact, advance: Advance) -> Blob:
        key = key_of(artifact)
        if not artifact.verifiable:
            # Nothing would show that the rest belongs to what an earlier run has left.
            self._blobs.discard(key)
        try:
            with self._blobs.writer(key, algorithms(artifact)) as writer:
                Transfer(self._http, artifact, writer, advance).run()
                return writer.commit()
        except DigestMismatchError:
            self._blobs.discard(key)
            raise
