"""An index that is asked once per run for each project, by however many threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from cachi2ish.core.pages import Page
from cachi2ish.core.sought import EVERYTHING, Sought
from cachi2ish.index.interface import Index


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A question and, once it is there, its answer."""

    sought: Sought
    answer: Future[Page] = field(default_factory=Future)

    def serves(self, other: Sought, page: Page) -> bool:
        """Whether ``page``, the answer to this question, also answers ``other``."""
        if page.partial and not self.sought.covers_versions_of(other):
            return False
        if self.sought.covers_digests_of(other):
            return True
        return bool(other.digests) and other.digests <= {digest for file in page.files for digest in file.digests}


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

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:
        """Return the answer of the index behind; the first one to ask fetches it, the others wait."""
        outgrown: _Asked | None = None
        while True:
            asked, mine = self._question(project, sought, outgrown)
            if mine:
                self._ask(project, asked)
            page = asked.answer.result()
            if asked.serves(sought, page):
                return page
            outgrown = asked

    def _question(self, project: NormalizedName, sought: Sought, outgrown: _Asked | None) -> tuple[_Asked, bool]:
        with self._lock:
            asked = self._asked.get(project)
            if asked is not None and asked is not outgrown:
                return asked, False
            asked = _Asked(sought if outgrown is None else outgrown.sought | sought)
            self._asked[project] = asked
            return asked, True

    def _ask(self, project: NormalizedName, asked: _Asked) -> None:
        try:
            page = self._index.page(project, asked.sought)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the threads that wait must hear of it)
            asked.answer.set_exception(error)
        else:
            asked.answer.set_result(page)
