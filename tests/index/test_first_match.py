"""Several indexes as one, and who answers."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.errors import NetworkError, ProjectNotFoundError, UnavailableError
from cachi2ish.index.first_match import FirstMatch
from tests.index.conftest import Open
from tests.support.distributions import make_sdist
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


def test_a_project_that_is_nowhere_is_an_error_that_names_every_index(opened: Open) -> None:
    with IndexServer() as one, IndexServer() as two:
        both = FirstMatch([opened(server.index_url) for server in (one, two)])
        with pytest.raises(ProjectNotFoundError) as caught:
            both.page(DEMO)
        assert f"demo is not on {one.index_url} or {two.index_url}" in caught.value.problem


def test_no_index_at_all_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FirstMatch([])
