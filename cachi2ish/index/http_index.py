"""An index that is asked over HTTP: the Simple repository API (PEP 503, PEP 691)."""

from __future__ import annotations

from threading import Lock
from urllib.parse import quote, urlsplit, urlunsplit

from packaging.utils import NormalizedName

from cachi2ish.cache.interface import Catalogue
from cachi2ish.core import urls
from cachi2ish.core.pages import Page
from cachi2ish.core.sought import EVERYTHING, Sought
from cachi2ish.errors import InputError, ProjectNotFoundError, UnavailableError
from cachi2ish.http.interface import Http, Response
from cachi2ish.simple_api.fields import PageSource, not_a_project_page
from cachi2ish.simple_api.negotiation import ACCEPT, HTML, JSON, TEXT_HTML, media_type

_OK, _NOT_MODIFIED = 200, 304
_NOT_ALLOWED = frozenset({401, 403})
_NOT_THERE = frozenset({404, 410})


class SimpleIndex:
    """One index. Safe for threads as far as ``http`` and ``catalogue`` are."""

    def __init__(self, url: str, http: Http, catalogue: Catalogue | None = None) -> None:
        """Speak to the index at ``url``, which may hold credentials, with or without a slash at its end.

        catalogue: where page bodies are kept with their ETag, so that one that has not changed is not sent
        again (RFC 9110, 13.1.2).
        Raises `InputError` where ``url`` is no address of a web server.
        """
        self._url = _checked(url)
        self._http = http
        self._catalogue = catalogue
        self._reading = Lock()

    @property
    def key(self) -> str:
        """The address, redacted."""
        return urls.redact(self._url)

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:  # noqa: ARG002  (pages are read whole)
        """Ask the index for the page of ``project``; raises what `Index.page` says."""
        url = _page_url(self._url, project)
        place = urls.redact(url)
        kept = self._catalogue.get_validated(place) if self._catalogue else None
        if kept is not None:
            etag, content_type, body = kept
            response = self._http.get(url, headers={"Accept": ACCEPT, "If-None-Match": etag})
            if response.status != _NOT_MODIFIED:
                return self._fresh(project, place, response)
            try:
                return self._read(project, response.url, content_type, body)
            except UnavailableError:
                pass  # what was kept is damaged: have it sent again
        return self._fresh(project, place, self._http.get(url, headers={"Accept": ACCEPT}))

    def _fresh(self, project: NormalizedName, place: str, response: Response) -> Page:
        self._check_status(project, response.status)
        content_type = response.headers.get("content-type", "")
        page = self._read(project, response.url, content_type, response.body)
        # Only now, so that a login page is never kept.
        if self._catalogue and (etag := response.headers.get("etag")):
            self._catalogue.put_validated(place, etag, content_type, response.body, response.gzipped)
        return page

    def _check_status(self, project: NormalizedName, status: int) -> None:
        if status in _NOT_THERE:
            raise ProjectNotFoundError(project, self.key)
        if status in _NOT_ALLOWED:
            host = urlsplit(self._url).hostname
            raise UnavailableError(
                f"{host} does not let the page of {project} be read (HTTP {status} from {self.key})",
                hint=f"give a user name and password for {host} in a netrc file, or in the index URL"
                " (https://user:password@host/simple/)",
            )
        if status != _OK:
            raise not_a_project_page(project, self.key, f"the answer is HTTP {status}")

    def _read(self, project: NormalizedName, url: str, content_type: str, body: bytes) -> Page:
        kind, charset = media_type(content_type)
        source = PageSource.of(project, self.key, url)
        # One at a time: threads cannot read faster than one of them, and a page in pieces takes twenty times the
        # memory of its bytes.
        with self._reading:
            return self._read_as(kind, body, source, charset)

    def _read_as(self, kind: str, body: bytes, source: PageSource, charset: str | None) -> Page:
        if kind == JSON:
            # Imported here, since a run that finds all in the cache reads no page.
            from cachi2ish.simple_api.json_pages import read_json  # noqa: PLC0415

            return read_json(body, source)
        if kind in {HTML, TEXT_HTML}:
            from cachi2ish.simple_api.html_pages import read_html  # noqa: PLC0415

            return read_html(body, source, charset)
        because = f"the answer is of type {kind}" if kind else "the answer does not say of what type it is"
        raise not_a_project_page(source.project, self.key, because)


def _checked(url: str) -> str:
    parts = urls.split_web(url.strip())
    if parts is None:
        raise InputError(
            f"{urls.redact(url)!r} is not the address of an index",
            hint="write it as https://host/simple/",
        )
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/", fragment=""))


def _page_url(index: str, project: NormalizedName) -> str:
    # The project goes into the path: a query, where some hosts carry a token, stays behind it.
    parts = urlsplit(index)
    return urlunsplit(parts._replace(path=f"{parts.path}{quote(project, safe='')}/"))
