"""The two things an index is given, in their plainest form: HTTP on requests, and a catalogue in memory."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Self

import requests

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.errors import NetworkError
from cachi2ish.http.interface import Response


class PlainHttp:
    """No retries; 5xx is a network error, as the interface says. Sends the user information of the URL."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        try:
            answer = self._session.get(url, headers=dict(headers or {}), timeout=10)
        except requests.RequestException as error:
            raise NetworkError("the server cannot be reached") from error
        if answer.status_code >= 500:
            raise NetworkError(f"the server answers {answer.status_code}")
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status_code, url=answer.url, headers=names, body=answer.content)


class MemoryCatalogue:
    """Remembers for as long as it lives."""

    def __init__(self) -> None:
        self.pages: dict[tuple[str, str], Page] = {}
        self.asked_for: dict[tuple[str, str], frozenset[str]] = {}
        self.bodies: dict[str, tuple[str, str, bytes]] = {}
        self._lock = threading.Lock()

    def recall(self, source: str, project: str, digests: Collection[Digest]) -> Page | None:
        with self._lock:
            page = self.pages.get((source, project))
        known = {digest for file in page.files for digest in file.digests} if page else set()
        return page if page and known.issuperset(digests) else None

    def latest(
        self, source: str, project: str, versions: Collection[str] = (), since: datetime | None = None
    ) -> Page | None:
        with self._lock:
            page = self.pages.get((source, project))
            asked_for = self.asked_for.get((source, project), frozenset())
        if page is None or page.asked is None or (since and page.asked < since):
            return None
        return page if not page.partial or (versions and asked_for.issuperset(versions)) else None

    def remember(self, source: str, page: Page, versions: Collection[str] = ()) -> None:
        with self._lock:
            self.pages[source, page.project] = page
            self.asked_for[source, page.project] = frozenset(versions)

    def get_validated(self, url: str) -> tuple[str, str, bytes] | None:
        return self.bodies.get(url)

    def put_validated(
        self, url: str, etag: str, content_type: str, body: bytes, gzipped: bytes | None = None
    ) -> None:
        self.bodies[url] = (etag, content_type, body)
