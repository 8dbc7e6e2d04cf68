"""Several indexes as one: the first that has a project has all of it, unless digests tell the files apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Sized
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.advice import Hint
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
        self._addresses = tuple(index.address for index in indexes)

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return the first page, or all that are needed together.

        Raises `ProjectNotFoundError` that names every index, or the first failure of another kind.
        """
        answers: list[Answer] = []
        missing: list[ProjectNotFoundError] = []
        refusals: list[ForbiddenError] = []
        for index in self._indexes:
            try:
                answers.append(Answer(index.address, index.page(project, query)))
            except ProjectNotFoundError as error:
                missing.append(error)
                answers.append(Answer(index.address, None, said=error.said))
            except ForbiddenError as error:
                if not is_by_digest(query, self._indexes):
                    raise
                refusals.append(error)
                answers.append(Answer(index.address, None, certain=False))
            page = first_match(answers, self._addresses, query)
            if page is not None:
                return page
        if len(refusals) == len(answers):
            raise refusals[0]
        if len(answers) == 1:
            raise missing[0]
        hints = (one.hint for one in missing if one.said and one.hint)
        where = " or ".join(one.absent for one in answers)
        raise ProjectNotFoundError(project, where, hint=next(hints, Hint.NAME_INDEX_OF_PROJECT))


class Answer(Struct, frozen=True):
    """What the index at ``address`` says of a project. page: None where it has no such project.

    certain: whether it says so, and not only that nobody may see it. said: why it has none, in its own words.
    """

    address: str
    page: Page | None
    certain: bool = True
    said: str = ""

    @property
    def absent(self) -> str:
        """What the index is called where it has no page."""
        said = self.said if self.certain else "HTTP 403"
        return f"{self.address} ({said})" if said else self.address


def first_match(answers: Sequence[Answer], addresses: Sequence[str], query: PageQuery) -> Page | None:
    """Return the page that ``answers`` make, see `FirstMatch`; None where another index has to be asked.

    answers: of the first of the indexes at ``addresses``, in their order; not empty.
    """
    page = answers[-1].page
    if page is not None and not is_by_digest(query, addresses):
        behind = tuple(addresses[len(answers) :])
        return replace(page, behind=behind) if behind else page
    pages = [one.page for one in answers if one.page is not None]
    files = chain.from_iterable(one.files for one in pages)
    if pages and (len(answers) == len(addresses) or has_all(files, query.digests)):
        return together(pages, [one.absent for one in answers if one.page is None])
    return None


def is_by_digest(query: PageQuery, indexes: Sized) -> bool:
    """Return whether all ``indexes`` count together."""
    return query.by_digest and len(indexes) > 1


def has_all(files: Iterable[IndexFile], digests: Collection[Digest]) -> bool:
    """Return whether there is a file for each of ``digests``; False for none."""
    listed = tuple(files)
    # Nearly all indexes spell them as we do.
    spelled = {pair for file in listed for pair in file.hashes}
    missing = [one for one in digests if (one.algorithm, one.value) not in spelled]
    if missing:
        return {digest for file in listed for digest in file.digests}.issuperset(missing)
    return bool(digests)
