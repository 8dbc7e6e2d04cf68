"""The metadata of wheels that the mirror holds (PEP 658): read from the wheel once, and kept beside it."""

from __future__ import annotations

import logging
import re

from cachi2ish.cache.interface import SharedBlobStore
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.errors import Cachi2ishError, StorageError
from cachi2ish.mirror.held.interface import Sharing
from cachi2ish.mirror.history.interface import Sightings
from cachi2ish.sdists.interface import WheelReader

_log = logging.getLogger(__name__)

_SHA256 = re.compile("[0-9a-f]{64}")


class WheelMetadata:
    """Metadata by the wheel that it is of. Safe to use from many threads, and not for the event loop.

    history: remembers its digests. sharing: with the other machines.
    """

    def __init__(self, blobs: SharedBlobStore, history: Sightings, wheels: WheelReader, sharing: Sharing) -> None:
        self._blobs = blobs
        self._history = history
        self._wheels = wheels
        self._sharing = sharing

    def digest(self, wheel: str) -> str | None:
        """Return the sha256 of what was read from a wheel once; None for one that is stated without a sha256."""
        if not _SHA256.fullmatch(wheel):
            return None
        return self._history.metadata_of([wheel]).get(wheel)

    def read(self, wheel: Blob, filename: str) -> Blob | None:
        """Return the metadata of a wheel that is held, kept from then on; None where it has none that is sound.

        What is new is still to be put into the shared store, and is queued for that.
        """
        known = self.digest(wheel.sha256)
        blob = self._blobs.find([Digest("sha256", known)]) if known else None
        if blob is not None:
            return blob
        try:
            content = self._wheels.wheel_metadata(wheel.path, filename)
        except StorageError:
            raise
        except Cachi2ishError as error:
            _log.info("%s", error.problem)
            return None
        with self._blobs.writer(f"metadata {wheel.sha256}", ()) as writer:
            if writer.offset:
                writer.restart()
            writer.write(content)
            blob = writer.commit()
        self._sharing.begin(blob.sha256)
        try:
            self._history.keep_metadata({wheel.sha256: blob.sha256})
        except StorageError as error:
            _log.warning("the digest of the metadata of %s is not kept: %s", filename, error.problem)
        return blob

    def prepare(self, wheel: Blob, filename: str) -> Blob | None:
        """Return it as `read` does. A wheel of which it cannot be kept is served as it is."""
        try:
            return self.read(wheel, filename)
        except StorageError as error:
            _log.warning("the metadata of %s is not kept: %s", filename, error.problem)
            return None
