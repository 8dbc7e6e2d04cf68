"""A package index as the other rooms see it: it has pages for projects."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from packaging.utils import NormalizedName

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page


class Index(Protocol):
    """A Simple repository (PEP 503, PEP 691), or something that behaves like one by wrapping others."""

    @property
    def key(self) -> str:
        """What tells this index from another in the catalogue: its address or addresses, redacted."""
        ...

    def page(
        self, project: NormalizedName, known: Collection[Digest] = (), versions: Collection[str] = ()
    ) -> Page:
        """Return what the index states about ``project``.

        known: every digest that the run's requirements name for the project, empty where one of them names
        none. An index that remembers may answer from memory if it knows a file for each of them.
        versions: those that the run's requirements pin, as they spell them; files of others may be left out
        of the page, which is ``partial`` then. Empty for all.

        Raises `ProjectNotFoundError`, `NetworkError`, or `UnavailableError` for a page that cannot be read.
        Safe to call from many threads.
        """
        ...
