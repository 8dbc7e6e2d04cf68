"""Upload times from the JSON metadata documents that some indexes offer beside their pages.

A document stands at ``…/pypi/<project>/json`` where the pages stand below ``…/simple/``, and lists the files of
all releases with ``upload_time_iso_8601``. No PEP describes it; indexes that mirror the public one have it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from itertools import chain
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import DecodeError, Raw, Struct, json
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.cache.interface import Recollection
from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.digests import Digest, comparable
from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.urls import Address
from cachi2ish.errors import NotCachedError
from cachi2ish.http.interface import Http
from cachi2ish.index.interface import FRESH, Index, PageQuery
from cachi2ish.simple_api.fields import instant, lists_too_much

_OK = 200
_PAGES = "/simple/"

#: From file name and sha256 to the upload time: both must be the page's, so that a time speaks of that file.
Times = Mapping[tuple[str, str], datetime]


class _Digests(Struct, gc=False):
    sha256: str


class _File(Struct, gc=False):
    filename: str
    digests: _Digests
    upload_time_iso_8601: str


#: What msgspec raises for text that is not what it should be: not JSON of the type, not UTF-8, nested too deeply.
_NO_DOCUMENT = (DecodeError, ValueError, RecursionError)


class _Document(Struct, gc=False):
    releases: dict[str, list[Raw]]  # each a `_File`, or something odd


#: What is kept between runs: file name, sha256, instant.
_Kept = list[tuple[str, str, str]]


class MetadataDocuments:
    """The documents of one index, each asked for once. Safe for threads as far as ``http`` is."""

    def __init__(self, index_url: Address, http: Callable[[], Http]) -> None:
        """Look beside the pages of the index at ``index_url``."""
        self._index_url = index_url
        self._http = http
        self._times = OncePerKey(self._ask)

    def times(self, project: NormalizedName) -> Times:
        """Return what the document of ``project`` states: nothing where there is none.

        Each project is asked for, even where another one had no document: what is known of a project must not
        depend on which one was asked for first. Raises `NetworkError` where the server fails, since that it has
        no times would then be a guess.
        """
        return self._times(project)

    def _ask(self, project: NormalizedName) -> Times:
        url = _document_url(self._index_url, project)
        if url is None:
            return {}
        response = self._http().get(url, headers={"Accept": "application/json"})
        if response.status != _OK or lists_too_much(response.body, b","):
            return {}
        try:
            document = json.decode(response.body, type=_Document)
        except _NO_DOCUMENT:  # a login page, an error page, or another kind of document
            return {}
        files = (file for entries in document.releases.values() for file in map(_file, entries) if file)
        return {
            (file.filename, file.digests.sha256.lower()): time
            for file in files
            if (time := instant(file.upload_time_iso_8601)) is not None
        }


def _file(entry: Raw) -> _File | None:
    try:
        return json.decode(entry, type=_File)
    except _NO_DOCUMENT:
        return None


def _document_url(index_url: Address, project: NormalizedName) -> str | None:
    parts = urlsplit(index_url.with_credentials.strip())
    path = parts.path.rstrip("/") + "/"
    if not path.endswith(_PAGES):
        return None
    return urlunsplit(
        parts._replace(path=f"{path.removesuffix(_PAGES)}/pypi/{quote(project, safe='')}/json", fragment="")
    )


class TimedIndex:
    """Adds upload times to pages of ``index`` that lack them, from metadata documents.

    documents: by the redacted address of an index, as in `Page.index`; None where nobody may be asked.
    recollection: keeps what they said. The time of a file never changes, so that a second run need not ask. They
    are kept apart from the pages, since a run without a date does not ask for them, and must say the same with a
    cache and without.
    """

    def __init__(
        self, index: Index, documents: Mapping[str, MetadataDocuments] | None, recollection: Recollection
    ) -> None:
        self._index = index
        self._documents = documents
        self._recollection = recollection

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return the page with all upload times that can be known; raises what the indexes raise."""
        return self._index.page(project, query).each(partial(self._with_times, query=query))

    def _with_times(self, page: Page, query: PageQuery) -> Page:
        wanted = {
            _name(file)
            for file in _files(page, query.versions)
            if file.upload_time is None and _concerns(file, query.digests)
        }
        if not wanted:
            return page
        kept = kept_times(self._recollection, page)
        if kept is None and self._documents is None:
            raise NotCachedError(
                f"the upload times that {page.index} states of {page.project} are not in the cache",
                cause=("upload times", page.index, page.project),
            )
        times = kept or {}
        documents = (self._documents or {}).get(page.index)
        if documents is not None and not wanted <= times.keys():
            declared = documents.times(page.project)
            times = {**times, **declared}
            if declared or kept is None:  # that there is no document is worth knowing without a network
                self._keep(page, times)
        return with_times(page, times)

    def _keep(self, page: Page, times: Times) -> None:
        entries = [(filename, sha256, rfc3339(time)) for (filename, sha256), time in sorted(times.items())]
        self._recollection.put(_key(page), json.encode(entries).decode())


def _key(page: Page) -> str:
    return f"upload times\n{page.index}\n{page.project}"


def kept_times(recollection: Recollection, page: Page) -> Times | None:
    """Return what is remembered of the document beside ``page``; None where it was never asked for."""
    try:
        entries = json.decode(recollection.get(_key(page)) or "", type=_Kept)
    except DecodeError:
        return None
    return {(filename, sha256): time for filename, sha256, text in entries if (time := instant(text)) is not None}


def with_times(page: Page, times: Times) -> Page:
    """Return ``page`` with these times for the files that have none of their own."""
    return replace(page, files=tuple(_timed(file, times) for file in page.files))


def with_kept_times(page: Page, recollection: Recollection) -> Page:
    """Return ``page`` with the times that are remembered, for the files that have none of their own."""
    if all(file.upload_time is not None for file in page.files):
        return page
    return with_times(page, kept_times(recollection, page) or {})


def _files(page: Page, versions: Collection[str]) -> Iterable[IndexFile]:
    return chain.from_iterable(map(page.files_of, versions)) if versions else page.files


def _concerns(file: IndexFile, known: Collection[Digest]) -> bool:
    # As in choosing: a lock's digests can leave a file out where the index states one of the same kind.
    return not known or not comparable(known, file.digests) or not file.digests.isdisjoint(known)


def _name(file: IndexFile) -> tuple[str, str]:
    return file.filename, next((digest.value for digest in file.digests if digest.algorithm == "sha256"), "")


def _timed(file: IndexFile, times: Times) -> IndexFile:
    if file.upload_time is not None:
        return file
    return replace(file, upload_time=times.get(_name(file)))
