"""Whether a page from the cache will do, or the index has to be asked: one rule, in one place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.cache.interface import Catalogue, KeptPage
from cachi2ish.core.cutoff import Cutoff, rfc3339
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import QUARANTINED, IndexFile, Page
from cachi2ish.errors import NotCachedError
from cachi2ish.index.first_match import Answer, first_match, has_all, is_by_digest
from cachi2ish.index.interface import FRESH, Index, PageQuery

#: How long after an instant an index may still gain files that were uploaded before it, as far as it concerns us:
#: mirrors that are synchronised once a day, caches on the way, and a clock of ours that is ahead.
SETTLING = timedelta(days=1)


class CachePolicy(Struct, frozen=True):
    """When a page from the cache is as good as one from the index.

    run_started: aware; what claims to be from after it is not believed.
    cutoff: only what was uploaded before it counts; None where there is no date.
    offline: the index may not be asked.
    """

    run_started: datetime
    cutoff: Cutoff | None = None
    offline: bool = False

    @property
    def settled_at(self) -> datetime | None:
        """From when on an index has all that counts as of the cutoff; None where that is still to come."""
        if self.cutoff is None or self.cutoff.instant + SETTLING > self.run_started:
            return None
        return self.cutoff.instant + SETTLING


def may_answer(policy: CachePolicy, query: PageQuery, kept: KeptPage | None) -> bool:
    """Return whether a page from the cache answers ``query``. With None: whether it is worth looking for one.

    It does in three cases:

    - The requirements name digests, and the page has a file for each: a file is what its digest says, whenever
      the page was fetched.
    - The page was fetched `SETTLING` after the cutoff, and has all that was there then: a file that appears later
      was uploaded later. That holds where all files of the versions in question have upload times (else a later
      one might have none either, and count where that is allowed). Where the page lacks one of the versions, or
      all files that the requirements name, the index is asked all the same, since a lock is right more often.
    - Nobody may be asked, and the page has the versions in question.
    """
    settled_at = policy.settled_at if query.versions or query.as_of_date else None
    if kept is None:
        return policy.offline or bool(query.digests) or settled_at is not None
    page = kept.page
    if page is None:
        return False  # an error is no answer from before: the project may be there by now
    if has_all(page.files, query.digests):
        return True
    if not kept.complete:
        return False
    releases = [page.files] if query.as_of_date else [page.files_of(version) for version in query.versions]
    if policy.offline:
        return all(releases)
    return (
        settled_at is not None
        and settled_at <= kept.fetched_at <= policy.run_started
        and page.status != QUARANTINED  # it may be lifted
        and all(_is_settled(files, query.digests) for files in releases)
    )


def _is_settled(files: Collection[IndexFile], digests: Collection[Digest]) -> bool:
    named = not digests or any(not file.digests.isdisjoint(digests) for file in files)
    return bool(files) and named and all(file.upload_time is not None for file in files)


class CachedIndex:
    """Answers from the cache where `may_answer` says so, else asks ``index``.

    addresses: of the indexes behind ``index``, redacted, in their order. What each of them said is remembered,
    also that it has no such project, and counts as in `cachi2ish.index.first_match`.
    times: adds the upload times that are known from beside a page; they are not part of it.
    on_message: is called with a line where an answer is as old as it is.
    """

    def __init__(
        self,
        index: Index,
        catalogue: Catalogue,
        addresses: Sequence[str],
        policy: CachePolicy,
        *,
        times: Callable[[Page], Page] = lambda page: page,
        on_message: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._index = index
        self._catalogue = catalogue
        self._addresses = tuple(addresses)
        self._policy = policy
        self._times = times
        self._on_message = on_message

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return the page from the cache or from the index; raises what the index raises, and `NotCachedError`."""
        if may_answer(self._policy, query, None):
            kept = self._kept(project, query)
            if kept is not None and kept.page is not None and may_answer(self._policy, query, kept):
                if self._policy.offline and not has_all(kept.page.files, query.digests):
                    self._on_message(
                        f"what {kept.page.index} says of {project} is as of {rfc3339(kept.fetched_at)}"
                    )
                return kept.page
        if self._policy.offline:
            raise self._not_cached(project, query)
        return self._index.page(project, query)

    def _kept(self, project: NormalizedName, query: PageQuery) -> KeptPage | None:
        """Return what all indexes together said, as of the oldest answer; None where one was never asked."""
        answers: list[Answer] = []
        oldest: datetime | None = None
        complete = True
        for address in self._addresses:
            kept = self._catalogue.kept_page(address, project, query.versions)
            if kept is None or not (kept.page or kept.complete or is_by_digest(query, self._addresses)):
                return None
            oldest = kept.fetched_at if oldest is None else min(oldest, kept.fetched_at)
            page = kept.page
            if page is not None:
                complete = complete and kept.complete
                page = page if self._policy.cutoff is None else self._times(page)
                page = replace(page, fetched_at=oldest, from_cache=True)
            answers.append(Answer(address, page, certain=kept.complete))
            page = first_match(answers, self._addresses, query)
            if page is not None:
                return KeptPage(page=page, fetched_at=oldest, complete=complete)
        return None

    def _not_cached(self, project: NormalizedName, query: PageQuery) -> NotCachedError:
        kept = self._kept(project, query)
        page = kept.page if kept is not None and kept.complete else None
        missing = [one for one in sorted(query.versions) if page is None or not page.files_of(one)]
        what = f"{project} {' and '.join(missing)}" if missing else project
        cause = (self._addresses, project, *missing)
        if kept is None or page is None or not missing:
            where = " ".join(self._addresses)
            return NotCachedError(f"what {where} says of {what} is not in the cache", cause=cause)
        then = f"when it was asked for the last time, at {rfc3339(kept.fetched_at)}"
        were = "were" if missing[1:] else "was"
        return NotCachedError(f"{what} {were} not on {page.index} {then}", cause=cause)
