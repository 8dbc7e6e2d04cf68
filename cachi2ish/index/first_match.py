"""Several indexes as one: the first that has a project has all of it, unless digests tell the files apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from packaging.utils import NormalizedName

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page, together
from cachi2ish.errors import ForbiddenError, ProjectNotFoundError
from cachi2ish.index.http_index import SimpleIndex
from cachi2ish.index.interface import FRESH, PageQuery


class FirstMatch:
    """Asks ``indexes`` in their order, and takes the page of the first one that has the project.

    Pages are not merged then, and only "not there" leads to the next index. If a private index that fails for
    a moment let the next one answer, whoever registers the private project's name on that one could have
    their files installed (dependency confusion).

    Where the requirements name digests, nobody can do that: all indexes count together, and are asked in their
    order until each digest has its file. "Forbidden" is then no more than "not there".
    """

    def __init__(self, indexes: Sequence[SimpleIndex]) -> None:
        if not indexes:
            msg = "FirstMatch needs at least one index"
            raise ValueError(msg)
        self._indexes = tuple(indexes)

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return the first page, or all that are needed together.

        Raises `ProjectNotFoundError` that names every index, or the first failure of another kind.
        """
        by_digest = query.by_digest and len(self._indexes) > 1
        pages: list[Page] = []
        absent: list[str] = []
        refusals: list[ForbiddenError] = []
        for position, index in enumerate(self._indexes, start=1):
            try:
                page = index.page(project, query)
            except ProjectNotFoundError as error:
                absent.append(error.index)
                continue
            except ForbiddenError as error:
                if not by_digest:
                    raise
                refusals.append(error)
                absent.append(forbidden(index.address))
                continue
            if not by_digest:
                behind = tuple(one.address for one in self._indexes[position:])
                return replace(page, behind=behind) if behind else page
            pages.append(page)
            if has_all((file for one in pages for file in one.files), query.digests):
                break
        if pages:
            return together(pages, absent)
        if refusals and len(refusals) == len(absent):
            raise refusals[0]
        raise ProjectNotFoundError(project, " or ".join(absent))


def forbidden(address: str) -> str:
    """Return how an index is called that shows nothing."""
    return f"{address} (HTTP 403)"


def has_all(files: Iterable[IndexFile], digests: Collection[Digest]) -> bool:
    """Return whether there is a file for each of ``digests``; False for none."""
    return bool(digests) and {digest for file in files for digest in file.digests}.issuperset(digests)
