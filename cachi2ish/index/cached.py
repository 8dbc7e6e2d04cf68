"""An index whose answers are kept between runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from packaging.utils import NormalizedName

from cachi2ish.cache.interface import Catalogue
from cachi2ish.core.pages import Page
from cachi2ish.core.sought import EVERYTHING, Sought
from cachi2ish.index.interface import Index


class Remembered:
    """Answers from ``catalogue`` where it knows a file for every digest that is named, else asks ``index``.

    Digests make that safe: a file is what its digest says, whenever the page was read. A question that
    names none is always passed on, since only the index knows what it has today.

    began: when the run did (aware). Pages are remembered as of then: never too late, whoever asked for them first.
    """

    def __init__(self, index: Index, catalogue: Catalogue, began: datetime) -> None:
        self._index = index
        self._catalogue = catalogue
        self._began = began

    @property
    def key(self) -> str:
        """That of the index behind."""
        return self._index.key

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:
        """Return the page from memory or from the index, and remember it; raises what the index raises."""
        if sought.digests:
            recalled = self._catalogue.recall(self.key, project, sought.digests)
            if recalled is not None:
                return recalled
        page = replace(self._index.page(project, sought), asked=self._began)
        self._catalogue.remember(self.key, page, sought.versions)
        return page
