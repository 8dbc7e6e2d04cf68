"""An index that is asked once per run for each project, by however many threads."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from packaging.utils import NormalizedName

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.index.interface import Index

_Item = TypeVar("_Item")


def _covers(asked: frozenset[_Item], wanted: frozenset[_Item]) -> bool:
    return not asked or (bool(wanted) and wanted <= asked)


def _union(left: frozenset[_Item], right: frozenset[_Item]) -> frozenset[_Item]:
    return left | right if left and right else frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A question and, once it is there, its answer. known, versions: empty where everything was asked for."""

    known: frozenset[Digest]
    versions: frozenset[str]
    answer: Future[Page] = field(default_factory=Future)

    def serves(self, other: _Asked, page: Page) -> bool:
        """Whether ``page``, the answer to this question, also answers ``other``."""
        if page.partial and not _covers(self.versions, other.versions):
            return False
        if _covers(self.known, other.known):
            return True
        return bool(other.known) and other.known <= {digest for file in page.files for digest in file.digests}

    def wider(self, other: _Asked) -> _Asked:
        """Return the question that covers this one and ``other``."""
        return _Asked(_union(self.known, other.known), _union(self.versions, other.versions))


class OncePerRun:
    """Asks ``index`` for a project's page once; an error, too, is the answer for all who ask.

    A later question that names more digests or versions, or none, is passed on where the first answer need
    not cover it: an index behind this one may have answered from a memory that knew just what was then named.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._asked: dict[NormalizedName, _Asked] = {}
        self._lock = threading.Lock()

    @property
    def key(self) -> str:
        """That of the index behind."""
        return self._index.key

    def page(
        self, project: NormalizedName, known: Collection[Digest] = (), versions: Collection[str] = ()
    ) -> Page:
        """Return the answer of the index behind; the first one to ask fetches it, the others wait."""
        wanted = _Asked(frozenset(known), frozenset(versions))
        outgrown: _Asked | None = None
        while True:
            asked, mine = self._question(project, wanted, outgrown)
            if mine:
                self._ask(project, asked)
            page = asked.answer.result()
            if asked.serves(wanted, page):
                return page
            outgrown = asked

    def _question(
        self,
        project: NormalizedName,
        wanted: _Asked,
        outgrown: _Asked | None,
    ) -> tuple[_Asked, bool]:
        with self._lock:
            asked = self._asked.get(project)
            if asked is not None and asked is not outgrown:
                return asked, False
            asked = wanted if outgrown is None else outgrown.wider(wanted)
            self._asked[project] = asked
            return asked, True

    def _ask(self, project: NormalizedName, asked: _Asked) -> None:
        try:
            page = self._index.page(project, asked.known, asked.versions)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the threads that wait must hear of it)
            asked.answer.set_exception(error)
        else:
            asked.answer.set_result(page)
