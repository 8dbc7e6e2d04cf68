"""Whether a page from the cache will do: the rule as a table, and the index that follows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from cachi2ish.cache.interface import KeptPage
from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.errors import NotCachedError
from cachi2ish.index.cached import SETTLING, CachedIndex, CachePolicy, may_answer
from cachi2ish.index.interface import FRESH, PageQuery
from tests.index.conftest import RUN_STARTED, Open
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer

DEMO = canonicalize_name("demo")
INDEX = "https://index.example/simple/"
LONG_AGO, T = datetime(2001, 1, 1, tzinfo=UTC), datetime(2024, 10, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
A, B, C = (Digest("sha256", letter * 64) for letter in "abc")

NOW = CachePolicy(RUN_STARTED)
AS_OF = replace(NOW, cutoff=Cutoff(T))
OFFLINE = replace(NOW, offline=True)


def file(name: str, digest: Digest, upload_time: datetime | None = T - SECOND) -> IndexFile:
    return IndexFile(
        filename=name, url=f"{INDEX}{name}", hashes=((digest.algorithm, digest.value),), upload_time=upload_time
    )


SDIST, WHEEL = file("demo-1.0.tar.gz", A), file("demo-1.0-py3-none-any.whl", B)
NEXT = file("demo-2.0.tar.gz", C)
UNTIMED = replace(WHEEL, upload_time=None)


def kept(
    *files: IndexFile, at: datetime = T + SETTLING, complete: bool = True, status: str = "active"
) -> KeptPage:
    page = Page(project=DEMO, index=INDEX, files=files, status=status)
    return KeptPage(page=page, fetched_at=at, complete=complete)


WHOLE = kept(SDIST, WHEEL, NEXT)


def query(*versions: str, digests: Collection[Digest] = ()) -> PageQuery:
    return PageQuery(frozenset(digests), frozenset(versions))


@pytest.mark.parametrize(
    ("why", "policy", "asked", "page", "answers"),
    [
        # Digests: a file is what its digest says, whenever the page was fetched.
        ("a file for each digest", NOW, query("1.0", digests=[A, B]), WHOLE, True),
        ("of a page that is old", NOW, query("1.0", digests=[A]), kept(SDIST, at=LONG_AGO), True),
        ("that was not kept whole", NOW, query("1.0", digests=[A]), kept(SDIST, complete=False), True),
        ("without a version", NOW, query(digests=[A, C]), WHOLE, True),
        ("and whatever the date", AS_OF, query("1.0", digests=[A]), kept(SDIST, at=T - SETTLING), True),
        ("one digest is unknown", NOW, query("1.0", digests=[A, C]), kept(SDIST, WHEEL), False),
        ("no digest", NOW, query("1.0"), WHOLE, False),
        ("all of the page", NOW, FRESH, WHOLE, False),
        # The date: fetched when all had been there that counts.
        ("settled", AS_OF, query("1.0"), WHOLE, True),
        ("fetched too early", AS_OF, query("1.0"), kept(SDIST, at=T + SETTLING - SECOND), False),
        ("fetched in this run", AS_OF, query("1.0"), kept(SDIST, at=RUN_STARTED), True),
        ("by a clock that was ahead", AS_OF, query("1.0"), kept(SDIST, at=RUN_STARTED + SECOND), False),
        ("the date has just been", replace(AS_OF, cutoff=Cutoff(RUN_STARTED - SETTLING)), query("1.0"),
         kept(SDIST, at=RUN_STARTED), True),
        ("the date is not a day ago", replace(AS_OF, cutoff=Cutoff(RUN_STARTED - SETTLING + SECOND)), query("1.0"),
         kept(SDIST, at=RUN_STARTED), False),
        ("a version is missing", AS_OF, query("1.0", "3.0"), WHOLE, False),
        ("spelled otherwise", AS_OF, query("1", "2.0.0"), WHOLE, True),
        ("a file has no time", AS_OF, query("1.0"), kept(SDIST, UNTIMED), False),
        ("one of another version", AS_OF, query("2.0"), kept(SDIST, UNTIMED, NEXT), True),
        ("one digest of several", AS_OF, query("1.0", digests=[A, C]), kept(SDIST, WHEEL), True),
        ("none of the digests", AS_OF, query("1.0", digests=[C]), kept(SDIST, WHEEL), False),
        ("a quarantine may be lifted", AS_OF, query("1.0"), kept(SDIST, status="quarantined"), False),
        ("a file was not kept", AS_OF, query("1.0"), kept(SDIST, complete=False), False),
        ("all of the page, dated", AS_OF, FRESH, WHOLE, False),
        # Offline: what there is.
        ("offline", OFFLINE, query("1.0"), kept(UNTIMED, at=T - SETTLING), True),
        ("offline, quarantined", OFFLINE, query("1.0"), kept(SDIST, status="quarantined"), True),
        ("offline, with other digests", OFFLINE, query("1.0", digests=[C]), kept(SDIST), True),
        ("offline, a version is missing", OFFLINE, query("1.0", "2.0"), kept(SDIST), False),
        ("offline, a file was not kept", OFFLINE, query("1.0"), kept(SDIST, complete=False), False),
        ("offline, all of the page", OFFLINE, FRESH, WHOLE, True),
        # That a project was not there is no answer: it may be by now.
        *[("not there", policy, query("1.0"), KeptPage(page=None, fetched_at=T + SETTLING), False)
          for policy in (NOW, AS_OF, OFFLINE)],
    ],
)  # fmt: skip
def test_a_page_from_the_cache_will_do_or_not(
    why: str, policy: CachePolicy, asked: PageQuery, page: KeptPage, answers: bool
) -> None:
    assert may_answer(policy, asked, page) is answers, why
    assert may_answer(policy, asked, None) or not answers, "it would not be looked for"


@pytest.mark.parametrize(
    ("policy", "asked", "worth"),
    [
        (NOW, query("1.0"), False),
        (NOW, FRESH, False),
        (AS_OF, FRESH, False),
        (AS_OF, query("1.0"), True),
        (replace(AS_OF, cutoff=Cutoff(RUN_STARTED)), query("1.0"), False),
        (NOW, query(digests=[A]), True),
        (OFFLINE, FRESH, True),
    ],
)
def test_a_page_that_could_not_do_is_not_looked_for(policy: CachePolicy, asked: PageQuery, worth: bool) -> None:
    assert may_answer(policy, asked, None) is worth


OLD, NEW = make_sdist("demo", "1.0"), make_sdist("demo", "2.0")
OLD_DIGEST, NEW_DIGEST = Digest("sha256", OLD.sha256), Digest("sha256", NEW.sha256)


class Runs:
    """Runs without a date, one after the other, that share a catalogue."""

    def __init__(self, catalogue: SqliteCatalogue, opened: Open) -> None:
        self.catalogue, self.opened = catalogue, opened

    def page(self, url: str, *digests: Digest, policy: CachePolicy = NOW, told: Sequence[str] = ()) -> Page:
        simple = self.opened(url)
        messages: list[str] = []
        index = CachedIndex(simple, self.catalogue, [simple.address], policy, on_message=messages.append)
        try:
            return index.page(DEMO, query(digests=digests))
        finally:
            assert messages == list(told)


@pytest.fixture
def runs(catalogue: SqliteCatalogue, opened: Open) -> Runs:
    return Runs(catalogue, opened)


def test_a_second_run_that_knows_its_digests_asks_nothing(runs: Runs) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        first = runs.page(index.index_url, OLD_DIGEST)
        index.forget_requests()
        assert runs.page(index.index_url, OLD_DIGEST) == first
        assert index.requests == ()


def test_what_is_not_known_is_asked_for_and_then_is(runs: Runs) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        runs.page(index.index_url, OLD_DIGEST)
        index.add("demo", NEW)
        for _ in range(2):
            runs.page(index.index_url, OLD_DIGEST, NEW_DIGEST)
        assert len(index.requests) == 2


def test_without_digests_the_index_is_asked_in_every_run(runs: Runs) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        for count in (1, 2):
            runs.page(index.index_url)
            assert len(index.requests) == count


def test_a_query_that_names_more_than_the_cache_has_reaches_the_index_once(
    catalogue: SqliteCatalogue, opened: Open
) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        opened(server.index_url).page(DEMO)
        server.add("demo", NEW)
        server.forget_requests()
        simple = opened(server.index_url)
        index = CachedIndex(simple, catalogue, [simple.address], NOW)
        both = (OLD_DIGEST, NEW_DIGEST)
        queries: list[tuple[Digest, ...]] = [(OLD_DIGEST,), both, (OLD_DIGEST,), (), (), (NEW_DIGEST,)]
        seen = [(len(index.page(DEMO, query(digests=known)).files), len(server.requests)) for known in queries]
    assert seen == [(1, 0), (2, 1), (2, 1), (2, 1), (2, 1), (2, 1)]


def test_what_one_index_said_is_not_known_of_another(runs: Runs) -> None:
    with IndexServer() as one, IndexServer() as two:
        for server in (one, two):
            server.add("demo", OLD)
            runs.page(server.index_url, OLD_DIGEST)
            assert len(server.requests) == 1


def test_offline_the_age_of_a_page_is_told_unless_a_digest_vouches_for_it(runs: Runs) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        first = runs.page(index.index_url)
        index.forget_requests()
        assert runs.page(index.index_url, OLD_DIGEST, policy=OFFLINE) == first
        told = f"what {index.index_url} says of demo is as of 2026-01-01T00:00:00Z"
        assert runs.page(index.index_url, policy=OFFLINE, told=[told]) == first
        assert index.requests == ()


def test_offline_what_is_missing_is_named(catalogue: SqliteCatalogue, opened: Open) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        opened(server.index_url).page(DEMO)
        index = CachedIndex(opened(server.index_url), catalogue, [server.index_url], OFFLINE)
        with pytest.raises(NotCachedError) as caught:
            index.page(DEMO, query("1.0", "2.0", "3.0"))
        assert caught.value.problem == (
            f"demo 2.0 and 3.0 were not on {server.index_url} when it was asked for the last time,"
            " at 2026-01-01T00:00:00Z"
        )
        with pytest.raises(NotCachedError, match=r"^demo 2\.0 was not on"):
            index.page(DEMO, query("2.0"))
        with pytest.raises(NotCachedError, match="says of other is not in the cache"):
            index.page(canonicalize_name("other"))
