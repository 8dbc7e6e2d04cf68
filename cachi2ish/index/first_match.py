"""Several indexes as one: the first that has a project has all of it."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import NormalizedName

from cachi2ish.core.pages import Page
from cachi2ish.errors import ProjectNotFoundError
from cachi2ish.index.interface import FRESH, Index, PageQuery


class FirstMatch:
    """Asks ``indexes`` in their order, and takes the page of the first one that has the project.

    Pages are never merged, and only "not there" leads to the next index. If a private index that fails for
    a moment let the next one answer, whoever registers the private project's name on that one could have
    their files installed (dependency confusion).
    """

    def __init__(self, indexes: Sequence[Index]) -> None:
        if not indexes:
            msg = "FirstMatch needs at least one index"
            raise ValueError(msg)
        self._indexes = tuple(indexes)

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return the first page.

        Raises `ProjectNotFoundError` that names every index, or the first failure of another kind.
        """
        without = []
        for index in self._indexes:
            try:
                return index.page(project, query)
            except ProjectNotFoundError as error:
                without.append(error.index)
        raise ProjectNotFoundError(project, " or ".join(without))
