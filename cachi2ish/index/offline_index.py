"""An index that nobody may ask: what is remembered of it is the best there is."""

from __future__ import annotations

from collections.abc import Callable

from packaging.utils import NormalizedName

from cachi2ish.cache.interface import Catalogue, Recollection
from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.pages import Page
from cachi2ish.core.sought import EVERYTHING, Sought
from cachi2ish.errors import NotCachedError
from cachi2ish.index.interface import Index
from cachi2ish.index.upload_times import Times, kept_times


class CachedIndex:
    """Stands for ``index``, and answers from ``catalogue`` alone.

    index: is not asked, only for its key. told: called with a line where the answer is as old as it is.
    """

    def __init__(self, index: Index, catalogue: Catalogue, told: Callable[[str], None]) -> None:
        self._index = index
        self._catalogue = catalogue
        self._told = told

    @property
    def key(self) -> str:
        """That of the index that is not asked."""
        return self._index.key

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:
        """Return what is remembered; raises `NotCachedError` where that is not all that is asked for."""
        recalled = self._catalogue.recall(self.key, project, sought.digests) if sought.digests else None
        if recalled is not None:
            return recalled
        page = self._catalogue.latest(self.key, project, sought.versions)
        if page is None:
            raise NotCachedError(f"what {self.key} says of {self._named(project, sought)} is not in the cache")
        if page.asked is not None:
            self._told(f"what {page.index} says of {project} is as of {rfc3339(page.asked)}")
        return page

    def _named(self, project: NormalizedName, sought: Sought) -> str:
        missing = [
            one for one in sorted(sought.versions) if self._catalogue.latest(self.key, project, (one,)) is None
        ]
        return f"{project} {' and '.join(missing)}" if missing else project


class CachedDocuments:
    """The metadata documents of an index, as far as they are remembered."""

    def __init__(self, index: Index, recollection: Recollection) -> None:
        self._index = index
        self._recollection = recollection

    def times(self, project: NormalizedName) -> Times:
        """Return what the document of ``project`` states; raises `NotCachedError` if it was never asked for."""
        times = kept_times(self._recollection, self._index.key, project)
        if times is None:
            raise NotCachedError(
                f"the upload times that {self._index.key} states of {project} are not in the cache"
            )
        return times
