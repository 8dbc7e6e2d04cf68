"""A catalogue for runs without a cache (``--no-cache``)."""

from __future__ import annotations

from collections.abc import Collection

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page


class NullCatalogue:
    """Remembers nothing; implements `cachi2ish.store.interface.Catalogue`."""

    def recall(self, source: str, project: str, digests: Collection[Digest]) -> Page | None:  # noqa: ARG002
        """Return None."""
        return None

    def remember(self, source: str, page: Page) -> None:
        """Do nothing."""

    def get_validated(self, url: str) -> tuple[str, str, bytes] | None:  # noqa: ARG002
        """Return None."""
        return None

    def put_validated(self, url: str, etag: str, content_type: str, body: bytes) -> None:
        """Do nothing."""
