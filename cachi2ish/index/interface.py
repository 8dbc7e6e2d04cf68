"""A package index as the other rooms see it: it has pages for projects."""

from __future__ import annotations

from typing import Protocol

from packaging.utils import NormalizedName

from cachi2ish.core.pages import Page
from cachi2ish.core.sought import EVERYTHING, Sought


class Index(Protocol):
    """A Simple repository (PEP 503, PEP 691), or something that behaves like one by wrapping others."""

    @property
    def key(self) -> str:
        """What tells this index from another in the catalogue: its address or addresses, redacted."""
        ...

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:
        """Return what the index states about ``project``.

        An index that remembers may answer from memory if it knows a file for each digest that is sought. Files of
        versions that are not sought may be left out of the page, which is ``partial`` then.

        Raises `ProjectNotFoundError`, `NetworkError`, or `UnavailableError` for a page that cannot be read.
        Safe to call from many threads.
        """
        ...
