"""A machine that shares its files with no other."""

from __future__ import annotations

from collections.abc import Callable

from cachi2ish.cache.interface import BlobStore
from cachi2ish.core.artifacts import Artifact, Blob


class NoSharing:
    """Implements `cachi2ish.mirror.held.interface.Sharing` for the only machine of a mirror."""

    is_lost = False
    is_full = False
    unsent = 0
    is_alone = True

    def bring(
        self, _sha256: str, _artifact: Artifact | None, _store: BlobStore, _sized: Callable[[int], None], /
    ) -> Blob | None:
        """Return None: nobody else has a file."""
        return None

    def fetched(
        self, _key: str, fetch: Callable[[], tuple[Blob, Blob | None]], _on_arrival: Callable[[Blob], None], /
    ) -> Blob:
        """Fetch a file: it is where it belongs."""
        return fetch()[0]

    def has(self, _sha256: str, _size: int, /) -> bool:
        """Return False: nobody else has a file."""
        return False

    def is_unsent(self, _sha256: str, /) -> bool:
        """Return False: nothing is to be put anywhere."""
        return False

    def begin(self, _key: str, /) -> None:
        """Queue nothing."""

    def put(self, _blob: Blob, /) -> bool:
        """Return True: a file is where it belongs once it is held."""
        return True

    def put_queued(self, _blob: Blob, /) -> None:
        """Do nothing."""

    def catch_up(self, _find: Callable[[str], Blob | None], /) -> None:
        """Do nothing: nothing is to be put anywhere."""

    def stop(self) -> None:
        """Do nothing: nothing is on its way."""


class NoLimit:
    """Implements `cachi2ish.mirror.held.interface.DiskLimit` where the disk is all that there is."""

    def make_room(self, _size: int, /) -> None:
        """Do nothing: nothing may go."""

    def tend(self) -> None:
        """Do nothing."""
