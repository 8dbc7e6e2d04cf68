"""An index that stands still, and upload times from beside its pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.cache.memory.catalogue import SqliteCatalogue
from cachi2ish.cli.display.hints import hint_of
from cachi2ish.core.as_of import MissingPolicy
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.digests import Digest
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import Address
from cachi2ish.errors import NetworkError, UnavailableError
from cachi2ish.index.cached import CachedIndex, CachePolicy
from cachi2ish.index.dated import DatedIndex
from cachi2ish.index.first_match import FirstMatch
from cachi2ish.index.interface import PageQuery
from cachi2ish.index.upload_times import MetadataDocuments, TimedIndex
from cachi2ish.simple_api.negotiation import JSON
from tests.index.conftest import RUN_STARTED, Open
from tests.index.plain_http import PlainHttp
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.index_server import Fault, IndexServer

DEMO = canonicalize_name("demo")
T = datetime(2024, 10, 2, tzinfo=UTC)
CUTOFF = Cutoff(T)
BEFORE, AFTER = T - timedelta(seconds=1), T + timedelta(days=3)
REFUSE = MissingPolicy()
OLD, NEW, WHEEL = make_sdist("demo", "1.0"), make_sdist("demo", "2.0"), make_wheel("demo", "1.0")


class Memory:
    """A recollection that counts what it is given."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self.kept.get(key)

    def put(self, key: str, value: str) -> None:
        self.kept[key] = value


def names(page: Page) -> list[str]:
    return [file.filename for file in page.files]


def document(*entries: tuple[Dist, str]) -> bytes:
    releases: dict[str, list[object]] = {}
    for dist, time in entries:
        listed = {"filename": dist.filename, "digests": {"sha256": dist.sha256}, "upload_time_iso_8601": time}
        releases.setdefault("any", []).append(listed)
    return json.dumps({"info": {"name": "demo"}, "releases": {**releases, "0.1": [{"odd": 1}]}}).encode()


@pytest.mark.parametrize("mode", ["json", "html"])
def test_a_page_is_read_as_it_was(opened: Open, mode: str) -> None:
    with IndexServer(mode="html" if mode == "html" else "json") as server:
        server.add("demo", OLD, upload_time=BEFORE)
        server.add("demo", WHEEL, upload_time="2024-10-02T02:00:00+02:00")  # the instant itself
        server.add("demo", NEW, upload_time=AFTER)
        page = DatedIndex(opened(server.index_url), CUTOFF, REFUSE).page(DEMO)
    assert names(page) == [OLD.filename]
    assert [one.file.filename for one in page.excluded] == [WHEEL.filename, NEW.filename]


def test_a_project_that_came_later_was_not_there_and_its_first_upload_is_told(opened: Open) -> None:
    with IndexServer() as server:
        server.add("demo", NEW, upload_time=AFTER + timedelta(days=1))
        server.add("demo", OLD, upload_time=AFTER)
        index = DatedIndex(opened(server.index_url), CUTOFF, REFUSE)
        with pytest.raises(UnavailableError) as caught:
            index.page(DEMO)
    assert caught.value.problem == (
        f"demo was not on {server.index_url} before 2024-10-02T00:00:00Z, the index date:"
        " its first file was uploaded 2024-10-05T00:00:00Z"
    )


def test_a_project_without_files_is_no_matter_of_the_date(opened: Open) -> None:
    with IndexServer() as server:
        server.add_project("demo")
        assert DatedIndex(opened(server.index_url), CUTOFF, REFUSE).page(DEMO).files == ()


def test_a_quarantined_project_keeps_its_own_message(opened: Open) -> None:
    with IndexServer() as server:
        server.add("demo", OLD, upload_time=AFTER)
        server.add_project("demo", status="quarantined", reason="malware")
        page = DatedIndex(opened(server.index_url), CUTOFF, REFUSE).page(DEMO)
    assert (page.status, page.files) == ("quarantined", ())


@pytest.mark.parametrize("time", [None, "", "yesterday", "2024-09-01", "2024-09-01T00:00:00"])
def test_a_file_without_a_readable_upload_time_is_refused_unless_it_is_allowed(
    opened: Open, time: str | None
) -> None:
    with IndexServer() as server:
        file: dict[str, object] = {
            "filename": OLD.filename,
            "url": server.serve_file(OLD),
            "hashes": {},
            "upload-time": time,
        }
        server.serve_page("/simple/demo/", json.dumps({"files": [file]}).encode(), JSON)
        simple = opened(server.index_url)
        told = (
            f"upload time of its files cannot be read, .*'{time}'$"
            if time
            else "none of its files has an upload time"
        )
        with pytest.raises(UnavailableError, match=told) as caught:
            DatedIndex(simple, CUTOFF, REFUSE).page(DEMO)
        assert f"--index-date-missing={server.index_url}=allow" in (hint_of(caught.value) or "")
        for policy in (
            MissingPolicy(Missing.ALLOW),
            MissingPolicy(Missing.REFUSE, ((server.index_url.rstrip("/"), Missing.ALLOW),)),
        ):
            assert names(DatedIndex(simple, CUTOFF, policy).page(DEMO)) == [OLD.filename]
        elsewhere = MissingPolicy(Missing.REFUSE, (("https://other.example/simple", Missing.ALLOW),))
        with pytest.raises(UnavailableError):
            DatedIndex(simple, CUTOFF, elsewhere).page(DEMO)


def test_the_date_does_not_take_a_name_from_the_index_that_has_it(opened: Open) -> None:
    with IndexServer() as private, IndexServer() as public:
        private.add("demo", OLD, upload_time=AFTER)
        public.add("demo", NEW, upload_time=BEFORE)
        both = FirstMatch([opened(server.index_url) for server in (private, public)])
        with pytest.raises(UnavailableError, match="was not on"):
            DatedIndex(both, CUTOFF, REFUSE).page(DEMO)
        assert public.requests == ()


def test_the_cache_holds_whole_pages_that_serve_any_date(opened: Open, catalogue: SqliteCatalogue) -> None:
    query = PageQuery(frozenset({Digest("sha256", OLD.sha256)}))
    with IndexServer() as server:
        server.add("demo", OLD, upload_time=BEFORE)
        server.add("demo", NEW, upload_time=AFTER)
        for cutoff, count in ((CUTOFF, 1), (Cutoff(AFTER + timedelta(1)), 2)):
            simple = opened(server.index_url)
            policy = CachePolicy(RUN_STARTED, cutoff)
            cached = CachedIndex(simple, catalogue, [simple.address], policy)
            assert len(DatedIndex(cached, cutoff, REFUSE).page(DEMO, query).files) == count
        assert len(server.requests) == 1


class Timed:
    """An index with a document beside its pages, as one run has it."""

    def __init__(self, http: PlainHttp, opened: Open) -> None:
        self._http, self._opened = http, opened
        self.memory = Memory()

    def __call__(self, url: str) -> TimedIndex:
        simple = self._opened(url)
        return TimedIndex(
            simple, {simple.address: MetadataDocuments(Address(url), lambda: self._http)}, self.memory
        )


@pytest.fixture
def timed(http: PlainHttp, opened: Open) -> Timed:
    return Timed(http, opened)


def test_times_that_a_page_lacks_come_from_the_metadata_document(timed: Timed) -> None:
    with IndexServer(mode="html") as server:
        server.add("demo", OLD)
        server.add("demo", NEW)
        server.add("demo", WHEEL, upload_time=BEFORE)
        body = document(
            (OLD, "2024-10-01T12:00:00.5Z"), (NEW, "2024-10-03T00:00:00Z"), (WHEEL, "2001-01-01T00:00:00Z")
        )
        server.serve_page("/pypi/demo/json", body, "application/json")
        page = timed(server.index_url).page(DEMO)
        assert {file.filename: file.upload_time for file in page.files} == {
            OLD.filename: datetime(2024, 10, 1, 12, 0, 0, 500_000, tzinfo=UTC),
            NEW.filename: datetime(2024, 10, 3, tzinfo=UTC),
            WHEEL.filename: BEFORE,  # what the page itself says stays
        }


def test_a_time_of_other_bytes_under_the_same_name_does_not_count(timed: Timed) -> None:
    other = Dist(OLD.filename, NEW.content)
    with IndexServer() as server:
        server.add("demo", OLD)
        server.serve_page("/pypi/demo/json", document((other, "2024-10-01T00:00:00Z")), "application/json")
        assert timed(server.index_url).page(DEMO).files[0].upload_time is None


def test_the_document_is_not_asked_for_where_the_page_says_all(timed: Timed) -> None:
    with IndexServer() as server:
        server.add("demo", OLD, upload_time=BEFORE)
        assert timed(server.index_url).page(DEMO).files[0].upload_time == BEFORE
        assert server.paths == ("/simple/demo/",)


def test_the_document_is_asked_for_once_in_all_runs(timed: Timed) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        server.serve_page("/pypi/demo/json", document((OLD, "2024-10-01T00:00:00Z")), "application/json")
        first = timed(server.index_url).page(DEMO)
        assert timed(server.index_url).page(DEMO) == first
        assert server.paths.count("/pypi/demo/json") == 1


def test_a_memory_that_cannot_be_read_is_asked_for_again(timed: Timed) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        server.serve_page("/pypi/demo/json", document((OLD, "2024-10-01T00:00:00Z")), "application/json")
        timed(server.index_url).page(DEMO)
        timed.memory.kept = dict.fromkeys(timed.memory.kept, "torn")
        assert timed(server.index_url).page(DEMO).files[0].upload_time is not None


def test_files_that_no_digest_names_need_no_document(timed: Timed) -> None:
    with IndexServer() as server:
        server.add("demo", OLD, upload_time=BEFORE)
        server.add("demo", NEW)
        timed(server.index_url).page(DEMO, PageQuery(frozenset({Digest("sha256", OLD.sha256)})))
        assert server.paths == ("/simple/demo/",)


def test_files_that_a_digest_of_another_kind_may_name_need_one(timed: Timed) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        server.serve_page("/pypi/demo/json", document((OLD, "2024-10-01T00:00:00Z")), "application/json")
        page = timed(server.index_url).page(DEMO, PageQuery(frozenset({Digest("sha512", "ab" * 64)})))
        assert page.files[0].upload_time is not None


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(404),
        Fault.status(403),
        Fault.wrong_bytes(b"<title>Log in</title>"),
        Fault.wrong_bytes(b'{"releases": 1}'),
        Fault.wrong_bytes(b"[]"),
        Fault.wrong_bytes(b'{"releases": {"1.0": ' + b"[" * 100_000),
        Fault.wrong_bytes(b'{"releases": {"1.0": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}}"),
        Fault.wrong_bytes(b'{"releases": {"1.0": [{"filename": "\xed"}]}}'),
    ],
)
def test_where_there_is_no_document_the_times_stay_unknown(timed: Timed, fault: Fault) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        server.serve_page("/pypi/demo/json", document((OLD, "2024-10-01T00:00:00Z")), "application/json")
        server.script("/pypi/demo/json", [fault])
        assert timed(server.index_url).page(DEMO).files[0].upload_time is None


def test_a_document_that_lists_more_than_any_project_has_is_none(timed: Timed) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        right = document((OLD, "2024-10-01T00:00:00Z")).partition(b'"releases": {')[2]
        server.serve_page(
            "/pypi/demo/json", b'{"releases": {"0": [' + b"0," * 5_000_000 + b"0], " + right, "application/json"
        )
        assert timed(server.index_url).page(DEMO).files[0].upload_time is None


def test_a_server_that_fails_is_no_index_without_times(timed: Timed) -> None:
    with IndexServer() as server:
        server.add("demo", OLD)
        server.script("/pypi/demo/json", [Fault.status(503), Fault.status(503)])
        with pytest.raises(NetworkError):
            timed(server.index_url).page(DEMO)


def test_an_index_below_another_path_has_no_document(http: PlainHttp) -> None:
    for url in (
        "https://host.example/root/pypi/+simple/",
        "https://host.example/",
        "https://host.example/mysimple/",
    ):
        assert MetadataDocuments(Address(url), lambda: http).times(DEMO) == {}


def test_the_document_stands_beside_the_pages_with_the_credentials_of_the_index(timed: Timed) -> None:
    with IndexServer(credentials=("user", "s3cret")) as server:
        server.add("demo", OLD)
        server.serve_page("/pypi/demo/json", document((OLD, "2024-10-01T00:00:00Z")), "application/json")
        url = server.index_url_with_credentials
        page = timed(url).page(DEMO)
        assert page.files[0].upload_time == datetime(2024, 10, 1, tzinfo=UTC)
        assert "s3cret" not in repr(timed.memory.kept)
