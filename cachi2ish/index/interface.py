"""A package index as the other rooms see it: it has pages for projects."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct
from packaging.utils import NormalizedName

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page


class PageQuery(Struct, frozen=True):
    """What a run needs to know of a project: it decides whether a page from the cache will do.

    digests: every one that the run's requirements name for the project; empty where one of them names none, and
    only the index can tell which files there are.
    by_digest: whether each of these requirements names digests. They then tell which file is meant, on whichever
    index it is, and all indexes count together; else the first that has the project answers for it alone.
    versions: those that the run's requirements pin, as they spell them; empty for all.
    as_of_date: all versions are meant, and only what was there on the date counts: a page from the cache will do
    that was fetched when no more of it could come.
    """

    digests: frozenset[Digest] = frozenset()
    versions: frozenset[str] = frozenset()
    by_digest: bool = False
    as_of_date: bool = False


#: The whole page, as the index has it now.
FRESH = PageQuery()


class Index(Protocol):
    """A Simple repository (PEP 503, PEP 691), or something that behaves like one by wrapping others.

    A rule of indexes is a class that wraps another index, and a line in `cachi2ish.index.stack`::

        class WithoutYanked:
            def __init__(self, index: Index) -> None:
                self._index = index

            def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
                page = self._index.page(project, query)
                return replace(page, files=tuple(file for file in page.files if not file.yanked))
    """

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return what the index states about ``project``.

        The page is whole if the index was asked. One from the cache has the files of ``query.versions`` and may
        lack others; for `FRESH` it is whole.

        Raises `ProjectNotFoundError`, `NetworkError`, `NotCachedError` where nobody may be asked, or
        `UnavailableError` for a page that cannot be read. Safe to call from many threads.
        """
        ...


class MetadataFiles(Protocol):
    """The metadata of wheels that an index lists, without the wheels."""

    def of_wheel(self, file: IndexFile) -> bytes | None:
        """Return METADATA, None where it is not to be had; raises `NetworkError`, `NotCachedError`."""
        ...
