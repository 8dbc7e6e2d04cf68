"""An index whose past is settled: what is remembered of it since then need not be asked for again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from packaging.utils import NormalizedName

from cachi2ish.cache.interface import Catalogue, Recollection
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.sought import EVERYTHING, Sought
from cachi2ish.index.interface import Index
from cachi2ish.index.upload_times import kept_times, with_times

#: How long after an instant an index may still gain files that were uploaded before it, as far as it concerns us:
#: mirrors that are synchronised once a day, caches on the way, and a clock of ours that is ahead.
SETTLING = timedelta(days=1)


class Settled:
    """Answers from ``catalogue`` where it was told after ``cutoff`` all that the index knew, else asks ``index``.

    A file that appears later was uploaded later, and does not count as of the cutoff: so nothing can be missing.
    That holds where all files of the versions in question have upload times (else a later one might have none
    either, and count where that is allowed), and `SETTLING` after the cutoff. Where memory lacks a version that is
    asked for, or each file that the lock names, the index is asked all the same, for a lock is right more often
    than not. To be put behind `DatedIndex`, around an index that remembers.

    recollection: with upload times from beside the pages. began: when the run did (aware); what claims to be
    from after it is not believed.
    """

    def __init__(
        self, index: Index, catalogue: Catalogue, recollection: Recollection, cutoff: Cutoff, began: datetime
    ) -> None:
        self._index = index
        self._catalogue = catalogue
        self._recollection = recollection
        self._since = cutoff.instant + SETTLING
        self._began = began

    @property
    def key(self) -> str:
        """That of the index behind."""
        return self._index.key

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:
        """Return the page from memory or from the index; raises what the index raises."""
        if sought.versions and self._since <= self._began:
            kept = self._catalogue.latest(self.key, project, sought.versions, self._since)
            if kept is not None:
                timed = with_times(kept, kept_times(self._recollection, kept.index, project) or {})
                if self._serves(timed, sought):
                    return timed
        return self._index.page(project, sought)

    def _serves(self, page: Page, sought: Sought) -> bool:
        if page.asked is None or page.asked > self._began or page.status == "quarantined":
            return False  # a quarantine may be lifted
        return all(_is_known(page.files_of(version), sought.digests) for version in sought.versions)


def _is_known(files: Collection[IndexFile], known: Collection[Digest]) -> bool:
    named = not known or any(not file.digests.isdisjoint(known) for file in files)
    return bool(files) and named and all(file.upload_time is not None for file in files)
