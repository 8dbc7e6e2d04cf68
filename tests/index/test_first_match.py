"""Several indexes as one, and who answers."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.errors import ForbiddenError, NetworkError, ProjectNotFoundError, UnavailableError
from cachi2ish.index.first_match import FirstMatch
from cachi2ish.index.interface import PageQuery
from tests.index.conftest import Open
from tests.support.distributions import Dist, make_sdist
from tests.support.index_server import Fault, IndexServer

DEMO = canonicalize_name("demo")
PAGE = "/simple/demo/"
OLD, NEW = make_sdist("demo", "1.0"), make_sdist("demo", "2.0")


def test_the_first_index_that_has_the_project_has_all_of_it(opened: Open) -> None:
    with IndexServer() as private, IndexServer() as public:
        private.add("demo", OLD)
        public.add("demo", NEW)
        public.add("other", make_sdist("other", "1.0"))
        both = FirstMatch([opened(server.index_url) for server in (private, public)])
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
    opened: Open,
    fault: Fault,
    error: type[Exception],
) -> None:
    with IndexServer(mode="html") as private, IndexServer() as public:
        private.add("demo", OLD)
        public.add("demo", NEW)
        # Twice, since the client may repeat a request whose connection was reset.
        private.script(PAGE, [fault, fault])
        both = FirstMatch([opened(server.index_url) for server in (private, public)])
        with pytest.raises(error) as caught:
            both.page(DEMO)
        assert not isinstance(caught.value, ProjectNotFoundError)
        assert public.paths == ()


def by_digest(*dists: Dist) -> PageQuery:
    return PageQuery(frozenset(Digest("sha256", one.sha256) for one in dists), frozenset({"1.0"}), by_digest=True)


def test_where_digests_decide_indexes_are_asked_until_each_digest_has_its_file(opened: Open) -> None:
    with IndexServer() as one, IndexServer() as two, IndexServer() as three:
        one.add("demo", OLD)
        two.add("demo", NEW)
        servers = (one, two, three)
        for query, asked in ((by_digest(OLD), [1, 0, 0]), (by_digest(OLD, NEW), [1, 1, 0])):
            for server in servers:
                server.forget_requests()
            page = FirstMatch([opened(server.index_url) for server in servers]).page(DEMO, query)
            assert [len(server.requests) for server in servers] == asked
        assert [file.filename for file in page.files] == [OLD.filename, NEW.filename]
        assert [part.index for part in page.parts] == [one.index_url, two.index_url]
        assert page.behind == ()


@pytest.mark.parametrize("status", [403, 404, 410])
def test_where_digests_decide_an_index_that_shows_nothing_does_not_have_the_project(
    opened: Open, status: int
) -> None:
    with IndexServer() as storage, IndexServer() as public:
        public.add("demo", OLD)
        storage.script(PAGE, [Fault.status(status)])
        both = FirstMatch([opened(server.index_url) for server in (storage, public)])
        page = both.page(DEMO, by_digest(OLD))
        assert page.index == public.index_url
        assert page.absent == (f"{storage.index_url}{' (HTTP 403)' if status == 403 else ''}",)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(401), UnavailableError),
        (Fault.status(400), UnavailableError),
        (Fault.status(503), NetworkError),
        (Fault.wrong_bytes(b"<title>Log in</title>"), UnavailableError),
    ],
)
def test_where_digests_decide_another_failure_is_still_one(
    opened: Open, fault: Fault, error: type[Exception]
) -> None:
    with IndexServer(mode="html") as private, IndexServer() as public:
        private.add("demo", NEW)
        public.add("demo", OLD)
        private.script(PAGE, [fault, fault])
        both = FirstMatch([opened(server.index_url) for server in (private, public)])
        with pytest.raises(error):
            both.page(DEMO, by_digest(OLD))


def test_an_index_that_shows_nothing_is_named_where_nobody_has_the_project(opened: Open) -> None:
    with IndexServer() as storage, IndexServer() as public:
        storage.script(PAGE, [Fault.status(403)] * 2)
        with pytest.raises(ProjectNotFoundError) as missing:
            FirstMatch([opened(one.index_url) for one in (storage, public)]).page(DEMO, by_digest(OLD))
        assert f"demo is not on {storage.index_url} (HTTP 403) or {public.index_url}" in missing.value.problem
        with pytest.raises(ForbiddenError, match="HTTP 403"):
            FirstMatch([opened(storage.index_url)]).page(DEMO, by_digest(OLD))


def test_without_digests_a_page_says_who_stands_behind_its_index(opened: Open) -> None:
    with IndexServer() as private, IndexServer() as public:
        private.add("demo", OLD)
        public.add("other", OLD)
        both = FirstMatch([opened(server.index_url) for server in (private, public)])
        assert both.page(DEMO).behind == (public.index_url,)
        assert both.page(canonicalize_name("other")).behind == ()


def test_an_index_behind_that_suspects_the_project_adds_nothing(opened: Open) -> None:
    with IndexServer() as private, IndexServer() as public:
        private.add("demo", OLD)
        public.add("demo", NEW)
        public.add_project("demo", status="quarantined")
        servers = (private, public)
        for asked in (servers, servers[::-1]):
            page = FirstMatch([opened(one.index_url) for one in asked]).page(DEMO, by_digest(OLD, NEW))
            assert (page.index, page.parts) == (asked[0].index_url, ())


def test_a_project_that_is_nowhere_is_an_error_that_names_every_index(opened: Open) -> None:
    with IndexServer() as one, IndexServer() as two:
        both = FirstMatch([opened(server.index_url) for server in (one, two)])
        with pytest.raises(ProjectNotFoundError) as caught:
            both.page(DEMO)
        assert f"demo is not on {one.index_url} or {two.index_url}" in caught.value.problem


def test_no_index_at_all_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FirstMatch([])
