"""Several indexes as one: the first that has a project has all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.utils import NormalizedName

from cachi2ish.core.pages import Page
from cachi2ish.core.sought import EVERYTHING, Sought
from cachi2ish.errors import ProjectNotFoundError
from cachi2ish.index.interface import Index


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

    @property
    def key(self) -> str:
        """All keys in order: the same project may be answered by another index in another order."""
        return " ".join(index.key for index in self._indexes)

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:
        """Return the first page.

        The digests are not passed on: only the list as a whole can be answered from memory, see `Remembered`.
        Raises `ProjectNotFoundError` that names every index, or the first failure of another kind.
        """
        asked = []
        of_one = replace(sought, digests=frozenset())
        for index in self._indexes:
            try:
                return index.page(project, of_one)
            except ProjectNotFoundError as error:
                asked.append(error.index)
        raise ProjectNotFoundError(project, " or ".join(asked))
