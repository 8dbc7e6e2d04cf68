"""How indexes are put together, and where a rule of indexes is added."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.as_of import Dating, MissingPolicy
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.digests import Digest
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import Address
from cachi2ish.errors import ForbiddenError, NotCachedError, ProjectNotFoundError
from cachi2ish.index.cached import CachedIndex
from cachi2ish.index.dated import DatedIndex
from cachi2ish.index.first_match import FirstMatch
from cachi2ish.index.http_index import SimpleIndex
from cachi2ish.index.interface import FRESH, Index, PageQuery
from cachi2ish.index.stack import WRAPPERS, IndexStack, RunContext, cached, dated, proved, timed
from cachi2ish.index.upload_times import TimedIndex
from tests.index.conftest import RUN_STARTED
from tests.index.plain_http import PlainHttp
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import Fault, IndexServer

DEMO = canonicalize_name("demo")
PAGE = "/simple/demo/"
DATING = Dating(Cutoff(datetime(2024, 10, 2, tzinfo=UTC)))
SDIST, WHEEL = make_sdist("demo", "1.0"), make_wheel("demo", "1.0")
BEFORE = "2024-09-01T00:00:00Z"


@pytest.fixture
def run(http: PlainHttp, catalogue: SqliteCatalogue) -> RunContext:
    return RunContext(http=lambda: http, memory=catalogue, run_started=RUN_STARTED)


def layers(index: object) -> list[type]:
    """The classes that a page passes, the last one first."""
    found = []
    while index is not None:
        found.append(type(index))
        behind = getattr(index, "_indexes", None)
        index = behind[0] if behind else getattr(index, "_index", None)
    return found


def test_the_order_of_wrappers_is_what_is_built(run: RunContext) -> None:
    assert list(WRAPPERS) == [cached, proved, timed, dated]
    stack = IndexStack(run)
    addresses = (Address("https://one.example/simple/"), Address("https://two.example/simple/"))
    assert layers(stack.index(addresses, DATING)) == [DatedIndex, TimedIndex, CachedIndex, FirstMatch, SimpleIndex]
    assert layers(stack.index(addresses, Dating())) == [CachedIndex, FirstMatch, SimpleIndex]


class WithoutYanked:
    """A rule of indexes, as somebody might add one: yanked files are not there."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        page = self._index.page(project, query)
        return replace(page, files=tuple(file for file in page.files if not file.yanked))


def test_a_rule_of_indexes_is_one_wrapper_and_one_line(run: RunContext) -> None:
    wrappers = (
        *WRAPPERS,
        lambda index, _sources: WithoutYanked(index),
    )
    with IndexServer() as server:
        server.add("demo", SDIST, upload_time=BEFORE, yanked="it is broken")
        server.add("demo", WHEEL, upload_time=BEFORE)
        with_rule = IndexStack(run, wrappers).index((Address(server.index_url),), DATING)
        without = IndexStack(run).index((Address(server.index_url),), DATING)
        assert [file.filename for file in with_rule.page(DEMO).files] == [WHEEL.filename]
        assert len(without.page(DEMO).files) == 2


def test_lists_of_indexes_and_dates_share_the_pages_of_an_address(run: RunContext) -> None:
    with IndexServer() as one, IndexServer() as two:
        two.add("demo", SDIST, upload_time=BEFORE)
        stack = IndexStack(run)
        both = (Address(one.index_url), Address(two.index_url))
        for addresses in (both, both[1:], both):
            for dating in (Dating(), DATING, Dating(Cutoff(RUN_STARTED))):
                assert len(stack.index(addresses, dating).page(DEMO).files) == 1
        assert (one.paths, two.paths) == ((PAGE,), (PAGE,))
        with pytest.raises(ProjectNotFoundError):
            stack.index(both[:1], DATING).page(DEMO)
        assert one.paths == (PAGE,)


def test_a_second_run_with_several_indexes_asks_none(run: RunContext) -> None:
    query = PageQuery(frozenset({Digest("sha256", SDIST.sha256)}), frozenset({"1.0"}))
    with IndexServer() as private, IndexServer() as public:
        public.add("demo", SDIST, upload_time=BEFORE)
        addresses = (Address(private.index_url), Address(public.index_url))
        for _ in range(2):
            page = IndexStack(run).index(addresses, Dating()).page(DEMO, query)
            assert (page.index, len(private.requests), len(public.requests)) == (public.index_url, 1, 1)
        # In another order another index may have it.
        IndexStack(run).index(addresses[::-1], Dating()).page(DEMO, query)
        assert (len(private.requests), len(public.requests)) == (1, 1)


def test_a_second_run_says_the_same_of_indexes_that_count_together_and_asks_none(run: RunContext) -> None:
    digests = frozenset(Digest("sha256", one.sha256) for one in (SDIST, WHEEL))
    query = PageQuery(digests, frozenset({"1.0"}), by_digest=True)
    with IndexServer() as storage, IndexServer() as private, IndexServer() as public, IndexServer() as last:
        storage.script(PAGE, [Fault.status(403)])
        private.add("demo", WHEEL, upload_time=BEFORE)
        for dist in (SDIST, WHEEL):
            public.add("demo", dist, upload_time=BEFORE)
        servers = (storage, private, public, last)
        addresses = tuple(Address(one.index_url) for one in servers)
        pages = [
            IndexStack(context).index(addresses, dating).page(DEMO, query)
            for dating in (Dating(), DATING)
            for context in (run, run, replace(run, offline=True))
        ]
        assert [len(one.requests) for one in servers] == [1, 1, 1, 0]
    assert pages[0] == pages[1] == pages[2]
    assert pages[3] == pages[4] == pages[5]
    for page in pages:
        assert [part.index for part in page.parts] == [private.index_url, public.index_url]
        assert page.absent == (f"{storage.index_url} (HTTP 403)",)


def test_that_an_index_shows_nothing_lets_no_other_answer_without_digests(run: RunContext) -> None:
    without, named = PageQuery(versions=frozenset({"1.0"})), frozenset({Digest("sha256", SDIST.sha256)})
    with IndexServer() as storage, IndexServer() as public:
        storage.script(PAGE, [Fault.status(403)] * 3)
        public.add("demo", SDIST, upload_time=BEFORE)
        addresses = (Address(storage.index_url), Address(public.index_url))
        IndexStack(run).index(addresses, DATING).page(DEMO, PageQuery(named, without.versions, by_digest=True))
        with pytest.raises(ForbiddenError):
            IndexStack(run).index(addresses, DATING).page(DEMO, without)
        with pytest.raises(NotCachedError):
            IndexStack(replace(run, offline=True)).index(addresses, DATING).page(DEMO, without)


def test_a_page_that_is_kept_is_not_forgotten_because_the_index_shows_nothing_today(run: RunContext) -> None:
    with IndexServer() as storage:
        storage.add("demo", SDIST, upload_time=BEFORE)
        addresses = (Address(storage.index_url),)
        kept = IndexStack(run).index(addresses, Dating()).page(DEMO)
        storage.script(PAGE, [Fault.status(403)])
        with pytest.raises(ForbiddenError):
            IndexStack(run).index(addresses, Dating()).page(DEMO)
        assert IndexStack(replace(run, offline=True)).index(addresses, Dating()).page(DEMO) == kept


def test_who_stands_behind_an_index_is_said_by_the_cache_too(run: RunContext) -> None:
    query = PageQuery(versions=frozenset({"1.0"}))
    with IndexServer() as private, IndexServer() as public:
        private.add("demo", SDIST, upload_time=BEFORE)
        addresses = (Address(private.index_url), Address(public.index_url))
        for context in (run, run, replace(run, offline=True)):
            page = IndexStack(context).index(addresses, DATING).page(DEMO, query)
            assert page.behind == (public.index_url,)
        assert len(private.requests) == 1


def test_of_indexes_that_count_together_each_has_its_own_rule_for_missing_times(run: RunContext) -> None:
    digests = frozenset(Digest("sha256", one.sha256) for one in (SDIST, WHEEL))
    query = PageQuery(digests, frozenset({"1.0"}), by_digest=True)
    with IndexServer() as private, IndexServer() as public:
        private.add("demo", WHEEL)
        public.add("demo", SDIST)
        addresses = (Address(private.index_url), Address(public.index_url))
        missing = MissingPolicy(Missing.REFUSE, ((addresses[0].bare, Missing.ALLOW),))
        page = IndexStack(run).index(addresses, Dating(DATING.cutoff, missing)).page(DEMO, query)
        assert [file.filename for file in page.files] == [WHEEL.filename]
        assert [one.file.filename for one in page.excluded] == [SDIST.filename]


def test_a_document_with_upload_times_is_asked_for_once_in_a_run(run: RunContext) -> None:
    with IndexServer() as server:
        server.add("demo", SDIST)
        server.serve_page("/pypi/demo/json", b'{"releases": {}}', "application/json")
        stack = IndexStack(run, [timed])
        for day in (1, 2, 3):
            cutoff = Cutoff(datetime(2024, 10, day, tzinfo=UTC))
            assert (
                stack.index((Address(server.index_url),), Dating(cutoff)).page(DEMO).files[0].upload_time is None
            )
        assert server.paths == (PAGE, "/pypi/demo/json")


def test_what_only_some_runs_need_is_imported_late() -> None:
    program = (
        "import sys, cachi2ish.index.stack;"
        "print({'pypi_simple', 'pydantic', 'bs4', 'requests'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "set()"
