"""An index that is asked over HTTP: the Simple repository API (PEP 503, PEP 691)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from threading import Lock
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.advice import Hint
from cachi2ish.cache.interface import Catalogue
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import Address, split_web
from cachi2ish.errors import (
    AccessError,
    Cachi2ishError,
    ForbiddenError,
    InputError,
    ProjectNotFoundError,
    UnavailableError,
)
from cachi2ish.http.interface import Http, Response, refused_hint
from cachi2ish.index.interface import FRESH, PageQuery

_OK, _NOT_MODIFIED = 200, 304
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_NOT_ALLOWED = frozenset({_UNAUTHORIZED, _FORBIDDEN})
_NOT_THERE = frozenset({404, 410})

#: As little of a page from the cache as can be asked for.
_ANY = ("0",)


def _accept() -> str:
    from cachi2ish.simple_api.negotiation import ACCEPT  # noqa: PLC0415  (a second run reads no page)

    return ACCEPT


class _Answer(Struct):
    """What an index has said of a project in this run. page: where the catalogue does not keep it."""

    lock: Lock = field(default_factory=Lock)
    page: Page | None = None
    error: Cachi2ishError | None = None


class SimpleIndex:
    """One index, asked for each project once, whoever asks. Safe for threads as far as ``http`` is."""

    def __init__(
        self, url: Address, http: Callable[[], Http], catalogue: Catalogue, run_started: datetime
    ) -> None:
        """Speak to the index at ``url``, with or without a slash at its end.

        catalogue: keeps what the index says, as of ``run_started`` (aware): never too late, whoever asked first.
        A page that has not changed is not sent again (RFC 9110, 13.1.2).
        Raises `InputError` where ``url`` is no address of a web server.
        """
        self._url = _checked(url)
        #: Of the index, redacted.
        self.address = self._url.redacted
        self._http = http
        self._catalogue = catalogue
        self._run_started = run_started
        self._reading = Lock()
        self._guard = Lock()
        self._answers: dict[NormalizedName, _Answer] = {}
        # Projects that have no answer here: a run that holds the pages of thousands of them needs hundreds of
        # megabytes, and a lock for each would last as long as the run.
        self._in_catalogue: set[NormalizedName] = set()

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return the page of ``project``, or raise what the first one heard who asked; see `Index.page`."""
        if (kept := self._kept(project)) is not None:
            return kept
        with self._guard:
            answer = self._answers.get(project) or self._answers.setdefault(project, _Answer())
        with answer.lock:
            if answer.error is not None:
                raise answer.error
            if (known := answer.page or self._kept(project)) is not None:  # another thread may have asked
                return known
            with self._guard:
                self._in_catalogue.discard(project)  # the page is damaged there: have it sent again
            try:
                url, headers = _page_url(self._url, project), self._headers(project)
                response = self._http().get(url, headers=headers)
                page, in_catalogue = self._taken(project, response, query.versions)
            except Cachi2ishError as error:
                answer.error = error
                raise
            with self._guard:
                if in_catalogue:
                    self._in_catalogue.add(project)
                    self._answers.pop(project, None)
                else:
                    answer.page = page
            return page

    def _kept(self, project: NormalizedName) -> Page | None:
        with self._guard:
            if project not in self._in_catalogue:
                return None
        kept = self._catalogue.kept_page(self.address, project)
        return None if kept is None else kept.page

    def _headers(self, project: NormalizedName) -> dict[str, str]:
        etag = self._catalogue.etag(self.address, project)
        return {"Accept": _accept(), "If-None-Match": etag} if etag else {"Accept": _accept()}

    def _taken(self, project: NormalizedName, response: Response, versions: Collection[str]) -> tuple[Page, bool]:
        """Return the page that the index has answered with, and whether the catalogue has all of it.

        versions: those that another run may ask for again.
        """
        if response.status == _NOT_MODIFIED and self._catalogue.etag(self.address, project):
            kept = self._catalogue.confirmed_page(self.address, project, self._run_started)
            if kept is not None:
                return kept, True
            # What was kept is damaged: have it sent again.
            response = self._http().get(_page_url(self._url, project), headers={"Accept": _accept()})
        if response.status in _NOT_THERE:
            self._catalogue.keep_absence(self.address, project, self._run_started)
            hint = _hint_of(response) or Hint.NAME_INDEX_OF_PROJECT
            raise ProjectNotFoundError(project, self.address, response.refusal, hint)
        self._check_status(project, response)
        # One at a time: threads cannot read faster than one of them, and a page of ten thousand files takes many
        # times the memory of its bytes until it is kept.
        with self._reading:
            page = replace(self._read(project, response), fetched_at=self._run_started)
            # Only now, so that a login page is never kept.
            return page, self._catalogue.keep_page(page, response.headers.get("etag", ""), versions)

    def _check_status(self, project: NormalizedName, response: Response) -> None:
        if response.status in _NOT_ALLOWED:
            if response.status == _FORBIDDEN and self._catalogue.kept_page(self.address, project, _ANY) is None:
                self._catalogue.keep_absence(self.address, project, self._run_started, certain=False)
            raise self._not_allowed(project, response)
        if response.refusal:
            raise UnavailableError(
                f"{self.address} refuses the page of {project}: {response.refusal}", hint=_hint_of(response)
            )
        if response.status != _OK:
            from cachi2ish.simple_api.fields import not_a_project_page  # noqa: PLC0415  (see `_accept`)

            raise not_a_project_page(project, self.address, f"the answer is HTTP {response.status}")

    def _not_allowed(self, project: NormalizedName, response: Response) -> UnavailableError:
        host, status = self._url.hostname, response.status
        cause = self._url.host, status, response.credentials
        if response.credentials and status == _UNAUTHORIZED:
            return AccessError(
                f"{host} refuses the user name and password from {response.credentials}"
                f" (HTTP {status} from {self.address})",
                hint=refused_hint(response.credentials),
                cause=cause,
            )
        sent = f" with the user name and password from {response.credentials}" if response.credentials else ""
        because = f": {response.refusal}" if response.refusal else ""
        problem = (
            f"{host} does not let the page of {project} be read{sent} (HTTP {status} from {self.address}){because}"
        )
        if (reason := _hint_of(response)) is not None:
            return ForbiddenError(problem, hint=reason)
        if sent:
            return ForbiddenError(problem, hint="check that this user may read it", cause=cause)
        hint = (
            f"give a user name and password for {host} in a netrc file, or in the index URL"
            " (https://user:password@host/simple/), or a user name there whose password keyring knows"
            " (--keyring-provider subprocess)"
        )
        if status == _UNAUTHORIZED:
            return AccessError(problem, hint=hint, cause=cause)
        return ForbiddenError(problem, hint=hint)

    def _read(self, project: NormalizedName, response: Response) -> Page:
        from cachi2ish.simple_api.fields import PageSource  # noqa: PLC0415  (see `_accept`)
        from cachi2ish.simple_api.negotiation import read_page  # noqa: PLC0415  (likewise)

        source = PageSource.of(project, self.address, response.url)
        return read_page(response.body, response.headers.get("content-type", ""), source, response.packed)


def _hint_of(response: Response) -> Hint | None:
    """Return what to do where a mirror says why it has no page, None where it is none or says no more."""
    if not response.refusal:
        return None
    # Imported here, since a run that is refused nothing has no use for it.
    from cachi2ish.simple_api.refusal_reasons import RefusalReason, read_reason  # noqa: PLC0415

    hints = {
        RefusalReason.NOT_YET: Hint.TAKE_LATER_DATE,
        RefusalReason.UNTIMED: Hint.DATE_BY_FIRST_SIGHT,
        RefusalReason.DELETED: Hint.TAKE_EARLIER_DATE,
        RefusalReason.QUARANTINED: Hint.LEAVE_QUARANTINED,
        RefusalReason.COVERAGE: Hint.ALLOW_COMPUTED,
        RefusalReason.NO_SUCH_PLACE: Hint.CORRECT_INDEX,
    }
    reason = read_reason(response.body)
    return None if reason is None else hints.get(reason)


def _checked(url: Address) -> Address:
    parts = split_web(url.with_credentials.strip())
    if parts is None:
        raise InputError(
            f"{url.redacted!r} is not the address of an index",
            hint="write it as https://host/simple/",
        )
    return Address(urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/", fragment="")))


def _page_url(index: Address, project: NormalizedName) -> str:
    # The project goes into the path: a query, where some hosts carry a token, stays behind it.
    parts = urlsplit(index.with_credentials)
    return urlunsplit(parts._replace(path=f"{parts.path}{quote(project, safe='')}/"))
