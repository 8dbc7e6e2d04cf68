"""A catalogue that is written to beside the work: nobody who fetches a file waits for a database."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Self

from packaging.utils import canonicalize_name

from cachi2ish.cache.catalogue import SqliteCatalogue
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import redact
from cachi2ish.errors import Cachi2ishError

_log = logging.getLogger(__name__)

_Key = tuple[str, ...]
_Work = Callable[[SqliteCatalogue], None]


class WriteBehind:
    """Implements `Catalogue` and `Recollection` of `cachi2ish.cache.interface` with two connections.

    One is read from; what is to be written waits for a thread of its own, which writes by the other. Who asks for
    something that is still waiting waits for it, so that all is as if it had been written at once. What waits when
    the process is killed is not remembered. To be closed; it is its own context manager.
    """

    def __init__(self, reading: SqliteCatalogue, open_to_write: Callable[[], SqliteCatalogue]) -> None:
        """Read from ``reading``. open_to_write: opens the same database, when there is something to write."""
        self._reading = reading
        self._open = open_to_write
        self._works: SimpleQueue[tuple[_Key, _Work] | None] = SimpleQueue()
        self._waiting: Counter[_Key] = Counter()
        self._changed = Condition()
        self._thread: Thread | None = None

    def recall(self, source: str, project: str, digests: Collection[Digest]) -> Page | None:
        """Return what is known of a page, as `Catalogue.recall` says."""
        self._wait_for(_page_key(source, project))
        return self._reading.recall(source, project, digests)

    def latest(
        self, source: str, project: str, versions: Collection[str] = (), since: datetime | None = None
    ) -> Page | None:
        """Return what a page last said, as `Catalogue.latest` says."""
        self._wait_for(_page_key(source, project))
        return self._reading.latest(source, project, versions, since)

    def remember(self, source: str, page: Page, versions: Collection[str] = ()) -> None:
        """Keep the files of a page, soon."""
        self._write(_page_key(source, page.project), lambda catalogue: catalogue.remember(source, page, versions))

    def get_validated(self, url: str) -> tuple[str, str, bytes] | None:
        """Return the page body that is kept for ``url``, as `Catalogue.get_validated` says."""
        self._wait_for(("body", redact(url)))
        return self._reading.get_validated(url)

    def put_validated(
        self, url: str, etag: str, content_type: str, body: bytes, gzipped: bytes | None = None
    ) -> None:
        """Keep a page body, soon."""
        self._write(
            ("body", redact(url)),
            lambda catalogue: catalogue.put_validated(url, etag, content_type, body, gzipped),
        )

    def get(self, key: str) -> str | None:
        """Return what was put under ``key``, or None."""
        self._wait_for(("text", key))
        return self._reading.get(key)

    def put(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``, soon."""
        self._write(("text", key), lambda catalogue: catalogue.put(key, value))

    def close(self) -> None:
        """Return when everything is written."""
        with self._changed:
            thread = self._thread
        if thread is not None:
            self._works.put(None)
            thread.join()
        self._reading.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, key: _Key, work: _Work) -> None:
        with self._changed:
            self._waiting[key] += 1
            if self._thread is None:
                # A daemon: a process that ends without closing is not held up by a database.
                self._thread = Thread(target=self._write_all, name="catalogue", daemon=True)
                self._thread.start()
        self._works.put((key, work))

    def _wait_for(self, key: _Key) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting[key])

    def _write_all(self) -> None:
        try:
            with self._open() as catalogue:
                self._work_off(lambda work: work(catalogue))
        except Cachi2ishError as error:
            _log.info("Nothing more is remembered: %s", error)
            self._work_off(lambda _work: None)  # somebody may be waiting for it

    def _work_off(self, do: Callable[[_Work], None]) -> None:
        while (next_one := self._works.get()) is not None:
            key, work = next_one
            try:
                do(work)
            finally:
                with self._changed:
                    self._waiting[key] -= 1
                    self._changed.notify_all()


def _page_key(source: str, project: str) -> _Key:
    return "page", source, canonicalize_name(project)
