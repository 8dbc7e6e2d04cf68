from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import Page
from cachi2ish.core.sought import EVERYTHING, Sought
from cachi2ish.errors import NetworkError, ProjectNotFoundError, UnavailableError
from cachi2ish.index.cached import Remembered
from cachi2ish.index.default import default_index_url
from cachi2ish.index.first_match import FirstMatch
from cachi2ish.index.http_index import SimpleIndex
from cachi2ish.index.interface import Index
from cachi2ish.index.once import OncePerRun
from tests.index.plain_http import MemoryCatalogue, PlainHttp
from tests.support.distributions import make_sdist
from tests.support.index_server import Fault, IndexServer

DEMO = canonicalize_name("demo")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = "/simple/demo/"
OLD, NEW = make_sdist("demo", "1.0"), make_sdist("demo", "2.0")
OLD_DIGEST, NEW_DIGEST = Digest("sha256", OLD.sha256), Digest("sha256", NEW.sha256)


class Gate:
    """An index that lets nobody through before so many are known to wait, and counts what it is asked."""

    key = "gate"

    def __init__(self, behind: Index) -> None:
        self.behind = behind
        self.open = threading.Event()
        self.asked: list[frozenset[Digest]] = []

    def page(self, project: NormalizedName, sought: Sought = EVERYTHING) -> Page:
        self.asked.append(sought.digests)
        assert self.open.wait(10)
        return self.behind.page(project, sought)


def test_a_whole_page_serves_questions_for_other_versions(http: PlainHttp) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        index.add("demo", NEW)
        once = OncePerRun(SimpleIndex(index.index_url, http))
        questions: tuple[tuple[str, ...], ...] = (("1.0",), ("1.0",), ("2.0",), ("1.0", "2.0"), (), ("3.0",))
        seen = [
            (len(once.page(DEMO, Sought(versions=frozenset(versions))).files), len(index.requests))
            for versions in questions
        ]
    assert seen == [(2, 1)] * len(questions)


def test_many_threads_at_once_cause_one_request(http: PlainHttp) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        gate = Gate(SimpleIndex(index.index_url, http))
        once = OncePerRun(gate)
        started = threading.Barrier(17)

        def ask() -> Page:
            started.wait(10)
            return once.page(DEMO)

        with ThreadPoolExecutor(16) as pool:
            answers = [pool.submit(ask) for _ in range(16)]
            started.wait(10)
            gate.open.set()
            assert len({id(answer.result(10)) for answer in answers}) == 1
        assert once.page(DEMO).project == "demo"
        assert (index.paths, once.key) == ((PAGE,), "gate")


def test_an_error_is_shared_and_not_asked_for_again(http: PlainHttp) -> None:
    with IndexServer() as index:
        once = OncePerRun(SimpleIndex(index.index_url, http))
        for known in ((), (OLD_DIGEST,), (OLD_DIGEST, NEW_DIGEST)):
            with pytest.raises(ProjectNotFoundError):
                once.page(DEMO, Sought(frozenset(known)))
        assert index.paths == (PAGE,)


def test_a_page_that_has_the_files_is_asked_for_once_whatever_is_known(http: PlainHttp) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        index.add("demo", NEW)
        once = OncePerRun(SimpleIndex(index.index_url, http))
        for known in ((OLD_DIGEST,), (OLD_DIGEST, NEW_DIGEST), (NEW_DIGEST,)):
            once.page(DEMO, Sought(frozenset(known)))
        assert index.paths == (PAGE,)


def test_a_question_that_names_more_than_the_memory_had_reaches_the_index(
    http: PlainHttp,
    catalogue: MemoryCatalogue,
) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        Remembered(SimpleIndex(index.index_url, http), catalogue, BEGAN).page(DEMO)
        index.add("demo", NEW)
        index.forget_requests()

        once = OncePerRun(Remembered(SimpleIndex(index.index_url, http), catalogue, BEGAN))
        both = (OLD_DIGEST, NEW_DIGEST)
        # Without a digest only the index knows what it has today.
        questions: list[tuple[Digest, ...]] = [(OLD_DIGEST,), both, (OLD_DIGEST,), (), (), (NEW_DIGEST,)]
        seen = [(len(once.page(DEMO, Sought(frozenset(known))).files), len(index.requests)) for known in questions]
        assert seen == [(1, 0), (2, 1), (2, 1), (2, 2), (2, 2), (2, 2)]


def test_a_question_that_grows_while_the_first_is_under_way_is_answered_rightly(http: PlainHttp) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        gate = Gate(SimpleIndex(index.index_url, http))
        once = OncePerRun(gate)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(once.page, DEMO, Sought(frozenset({OLD_DIGEST})))
            second = pool.submit(once.page, DEMO, Sought(frozenset({OLD_DIGEST, NEW_DIGEST})))
            gate.open.set()
            assert first.result(10).files == second.result(10).files
        assert gate.asked[-1] == {OLD_DIGEST, NEW_DIGEST}
        assert len(gate.asked) <= 2


def test_the_first_index_that_has_the_project_has_all_of_it(http: PlainHttp) -> None:
    with IndexServer() as private, IndexServer() as public:
        private.add("demo", OLD)
        public.add("demo", NEW)
        public.add("other", make_sdist("other", "1.0"))
        both = FirstMatch([SimpleIndex(server.index_url, http) for server in (private, public)])
        assert [file.filename for file in both.page(DEMO).files] == [OLD.filename]
        assert public.paths == ()
        other = both.page(canonicalize_name("other"))
        assert other.index == public.index_url
        assert private.paths[-1] == "/simple/other/"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(401), UnavailableError),
        (Fault.status(403), UnavailableError),
        (Fault.status(400), UnavailableError),
        (Fault.status(503), NetworkError),
        (Fault.reset(), NetworkError),
        (Fault.wrong_bytes(b"<title>Log in</title>"), UnavailableError),
    ],
)
def test_an_index_that_fails_does_not_let_the_next_one_answer(
    http: PlainHttp,
    fault: Fault,
    error: type[Exception],
) -> None:
    with IndexServer(mode="html") as private, IndexServer() as public:
        private.add("demo", OLD)
        public.add("demo", NEW)
        # Twice, since the client may repeat a request whose connection was reset.
        private.script(PAGE, [fault, fault])
        both = FirstMatch([SimpleIndex(server.index_url, http) for server in (private, public)])
        with pytest.raises(error) as caught:
            both.page(DEMO)
        assert not isinstance(caught.value, ProjectNotFoundError)
        assert public.paths == ()


def test_a_project_that_is_nowhere_is_an_error_that_names_every_index(http: PlainHttp) -> None:
    with IndexServer() as one, IndexServer() as two:
        both = FirstMatch([SimpleIndex(server.index_url, http) for server in (one, two)])
        with pytest.raises(ProjectNotFoundError) as caught:
            both.page(DEMO)
        assert f"demo is not on {one.index_url} or {two.index_url}" in caught.value.problem


def test_the_key_of_several_indexes_tells_their_order(http: PlainHttp) -> None:
    one, two = (SimpleIndex(f"https://{name}.example/simple/", http) for name in ("one", "two"))
    assert FirstMatch([one]).key == one.key
    assert len({FirstMatch([one, two]).key, FirstMatch([two, one]).key, one.key}) == 3


def test_no_index_at_all_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FirstMatch([])


def test_a_second_run_that_knows_its_digests_asks_nothing(http: PlainHttp, catalogue: MemoryCatalogue) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)

        def run() -> Page:
            simple = SimpleIndex(index.index_url, http, catalogue)
            return Remembered(OncePerRun(FirstMatch([simple])), catalogue, BEGAN).page(
                DEMO, Sought(frozenset({OLD_DIGEST}))
            )

        first = run()
        index.forget_requests()
        assert run() == first
        assert index.requests == ()


def test_what_is_not_remembered_is_asked_for_and_then_is(http: PlainHttp, catalogue: MemoryCatalogue) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        remembered = Remembered(SimpleIndex(index.index_url, http), catalogue, BEGAN)
        remembered.page(DEMO, Sought(frozenset({OLD_DIGEST})))
        index.add("demo", NEW)
        remembered.page(DEMO, Sought(frozenset({OLD_DIGEST, NEW_DIGEST})))
        remembered.page(DEMO, Sought(frozenset({OLD_DIGEST, NEW_DIGEST})))
        assert len(index.requests) == 2


def test_without_digests_the_index_is_asked_every_time(http: PlainHttp, catalogue: MemoryCatalogue) -> None:
    with IndexServer() as index:
        index.add("demo", OLD)
        remembered = Remembered(SimpleIndex(index.index_url, http), catalogue, BEGAN)
        remembered.page(DEMO)
        remembered.page(DEMO)
        assert len(index.requests) == 2
        assert remembered.key == index.index_url


def test_a_memory_of_one_index_is_none_of_another(http: PlainHttp, catalogue: MemoryCatalogue) -> None:
    with IndexServer() as one, IndexServer() as two:
        for server in (one, two):
            server.add("demo", OLD)
            Remembered(SimpleIndex(server.index_url, http), catalogue, BEGAN).page(
                DEMO, Sought(frozenset({OLD_DIGEST}))
            )
            assert len(server.requests) == 1


def test_the_default_index_is_that_of_pypi_simple_and_is_imported_late() -> None:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    assert default_index_url() == PYPI_SIMPLE_ENDPOINT
    program = (
        "import sys, cachi2ish.index.default, cachi2ish.index.http_index, cachi2ish.index.once;"
        "print({'pypi_simple', 'pydantic', 'bs4'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "set()"
