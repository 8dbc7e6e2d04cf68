"""Pages that are trusted without asking, since the index date lies before they were asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.core.as_of import Dating
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import Address
from cachi2ish.index.cached import SETTLING
from cachi2ish.index.interface import PageQuery
from cachi2ish.index.stack import WRAPPERS, IndexStack, RunContext, dated
from tests.index.plain_http import PlainHttp
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer

DEMO = canonicalize_name("demo")
PAGE = "/simple/demo/"
CUTOFF = Cutoff(datetime(2024, 10, 2, tzinfo=UTC))
BEFORE = CUTOFF.instant - timedelta(days=1)
LATER = CUTOFF.instant + timedelta(days=30)
SECOND = timedelta(seconds=1)
OLD, NEW, WHEEL = make_sdist("demo", "1.0"), make_sdist("demo", "2.0"), make_wheel("demo", "1.0")
OLD_DIGEST, NEW_DIGEST = Digest("sha256", OLD.sha256), Digest("sha256", NEW.sha256)


class Runs:
    """Runs that share a catalogue; each begins at an instant, and asks the same index as of a date."""

    def __init__(self, catalogue: SqliteCatalogue, http: PlainHttp, *servers: IndexServer) -> None:
        self.catalogue, self.http, self.servers = catalogue, http, servers

    def page(
        self,
        started: datetime,
        versions: Collection[str] = ("1.0",),
        known: Collection[Digest] = (),
        cutoff: Cutoff = CUTOFF,
    ) -> Page:
        run = RunContext(http=lambda: self.http, memory=self.catalogue, run_started=started)
        undated = IndexStack(run, [wrap for wrap in WRAPPERS if wrap is not dated])
        index = undated.index(tuple(Address(server.index_url) for server in self.servers), Dating(cutoff))
        return index.page(DEMO, PageQuery(frozenset(known), frozenset(versions)))


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as running:
        running.add("demo", OLD, upload_time=BEFORE)
        yield running


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[SqliteCatalogue]:
    with SqliteCatalogue(tmp_path / "catalogue.sqlite") as opened:
        yield opened


@pytest.fixture
def runs(catalogue: SqliteCatalogue, http: PlainHttp, server: IndexServer) -> Runs:
    return Runs(catalogue, http, server)


@pytest.mark.parametrize(
    ("asked", "requests"),
    [
        (CUTOFF.instant - timedelta(days=30), 2),
        (CUTOFF.instant, 2),
        (CUTOFF.instant + SETTLING - SECOND, 2),
        (CUTOFF.instant + SETTLING, 1),
        (LATER, 1),
    ],
)
def test_a_page_is_trusted_from_a_day_after_the_date(
    runs: Runs, server: IndexServer, asked: datetime, requests: int
) -> None:
    first = runs.page(asked)
    assert runs.page(LATER + SECOND) == first
    assert len(server.requests) == requests


def test_without_a_first_run_the_index_is_asked(runs: Runs, server: IndexServer) -> None:
    assert [file.filename for file in runs.page(LATER).files] == [OLD.filename]
    assert server.paths == (PAGE,)


def test_a_date_that_moves_outruns_the_page_in_the_end(runs: Runs, server: IndexServer) -> None:
    """With a duration of a week, one request serves six days."""

    def requests_of(days: int) -> int:
        server.forget_requests()
        now = LATER + timedelta(days=days)
        runs.page(now, cutoff=Cutoff(now - timedelta(days=7)))
        return len(server.requests)

    assert [requests_of(days) for days in range(9)] == [1, 0, 0, 0, 0, 0, 0, 1, 0]


def test_a_date_to_come_trusts_nothing(runs: Runs, server: IndexServer) -> None:
    for _ in range(2):
        runs.page(LATER, cutoff=Cutoff(LATER + timedelta(days=9)))
    assert len(server.requests) == 2


def test_a_page_from_a_clock_that_was_ahead_is_not_trusted(runs: Runs, server: IndexServer) -> None:
    runs.page(LATER + timedelta(days=3650))
    runs.page(LATER)
    assert len(server.requests) == 2
    runs.page(LATER)
    assert len(server.requests) == 2


def test_a_page_that_is_known_serves_all_versions_that_it_has(runs: Runs, server: IndexServer) -> None:
    server.add("demo", NEW, upload_time=BEFORE)
    for versions, requests in ((["1.0"], 1), (["2.0"], 1), (["1.0", "2.0"], 1), (["1.0", "3.0"], 2)):
        runs.page(LATER, versions)
        assert len(server.requests) == requests, versions


def test_a_version_that_was_not_there_is_asked_for_each_time(runs: Runs, server: IndexServer) -> None:
    """A mirror may have been behind: a lock is right more often than not."""
    runs.page(LATER, ["2.0"])
    server.add("demo", NEW, upload_time=BEFORE)
    assert NEW.filename in {file.filename for file in runs.page(LATER, ["2.0"]).files}
    runs.page(LATER, ["2.0"])
    assert len(server.requests) == 2


def test_a_question_for_all_versions_is_passed_on(runs: Runs, server: IndexServer) -> None:
    for _ in range(2):
        runs.page(LATER, ())
    assert len(server.requests) == 2
    runs.page(LATER)  # but all of it is remembered
    assert len(server.requests) == 2


def test_what_came_later_or_is_gone_makes_no_difference(runs: Runs, server: IndexServer) -> None:
    first = runs.page(LATER)
    server.add("demo", WHEEL, upload_time=LATER)
    server.add_project("demo").files.pop(OLD.filename)
    assert runs.page(LATER + timedelta(days=1)) == first
    assert len(server.requests) == 1


def test_a_file_without_upload_time_has_the_index_asked_each_time(runs: Runs, server: IndexServer) -> None:
    """Another one may come at any time, and count where such files are allowed."""
    server.add("demo", WHEEL)
    runs.page(LATER)
    runs.page(LATER)
    assert server.paths.count(PAGE) == 2


def test_one_of_another_version_does_not_matter(runs: Runs, server: IndexServer) -> None:
    server.add("demo", NEW)
    runs.page(LATER, ["1.0", "2.0"])
    runs.page(LATER, ["1.0"])
    assert server.paths.count(PAGE) == 1


def test_upload_times_from_beside_the_page_count(
    catalogue: SqliteCatalogue, http: PlainHttp, server: IndexServer
) -> None:
    server.mode = "html"
    server.add("demo", OLD)
    entry = f'{{"filename": "{OLD.filename}", "digests": {{"sha256": "{OLD.sha256}"}}, '
    body = f'{{"releases": {{"1.0": [{entry}"upload_time_iso_8601": "2024-10-01T00:00:00Z"}}]}}}}'
    server.serve_page("/pypi/demo/json", body.encode(), "application/json")
    runs = Runs(catalogue, http, server)
    assert runs.page(LATER) == runs.page(LATER)
    assert server.paths == (PAGE, "/pypi/demo/json")


def test_a_page_that_could_not_be_kept_whole_is_not_trusted(runs: Runs, server: IndexServer) -> None:
    secret = f"{server.url}/files/{WHEEL.filename}?token=hunter2"
    server.add("demo", WHEEL, upload_time=BEFORE, url=secret)
    for requests in (1, 2):
        assert len(runs.page(LATER).files) == 2
        assert len(server.requests) == requests


def test_a_quarantine_is_looked_at_again(runs: Runs, server: IndexServer) -> None:
    server.add_project("demo", status="quarantined")
    assert runs.page(LATER).status == "quarantined"
    server.add_project("demo", status="active")
    assert runs.page(LATER).status == "active"


def test_a_digest_that_memory_knows_suffices_and_none_does_not(runs: Runs, server: IndexServer) -> None:
    """As where the index no longer lists one of the files that a lock names."""
    known = (OLD_DIGEST, Digest("sha256", "0" * 64))
    runs.page(LATER, known=known)
    runs.page(LATER, known=known)
    assert len(server.requests) == 1
    runs.page(LATER, known=(NEW_DIGEST,))
    assert len(server.requests) == 2


def test_that_the_first_index_did_not_have_the_project_is_remembered(
    catalogue: SqliteCatalogue, http: PlainHttp, server: IndexServer
) -> None:
    with IndexServer() as private:
        both = Runs(catalogue, http, private, server)
        first = both.page(LATER)
        private.add("demo", NEW, upload_time=LATER)
        assert both.page(LATER) == first
        assert (len(private.requests), len(server.requests)) == (1, 1)
        # What an index said is known wherever it is asked.
        Runs(catalogue, http, server).page(LATER)
        assert len(server.requests) == 1
