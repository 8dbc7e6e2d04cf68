"""An index that stands still: what it says today, without what was not there before an instant."""

from __future__ import annotations

from packaging.utils import NormalizedName

from cachi2ish.core.as_of import MissingPolicy, as_of, project_not_there_then
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import Page
from cachi2ish.index.interface import FRESH, Index, PageQuery


class DatedIndex:
    """Filters the pages of ``index`` (`cachi2ish.core.as_of.as_of`).

    To be put around all that remembers pages or picks one index of several: the cache holds whole pages, which
    serve any date, and a date must not take a name from the index that has it (dependency confusion).
    """

    def __init__(self, index: Index, cutoff: Cutoff, missing: MissingPolicy) -> None:
        self._index = index
        self._cutoff = cutoff
        self._missing = missing

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return the page as it was.

        Raises `UnavailableError` where ``query`` means all versions, and none of the project's files was there.
        """
        today = self._index.page(project, query)
        page = today.each(lambda one: as_of(one, self._cutoff, self._missing.of(one.index)))
        nothing = None if query.versions else project_not_there_then(page)
        if nothing is not None:
            raise nothing
        return page
