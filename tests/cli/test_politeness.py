"""What a prefetch costs the servers that it asks."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from cachi2ish import __version__
from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_sdist
from tests.support.index_server import IndexServer

PROJECTS = 40
LIMIT = 6


def dists() -> list[Dist]:
    return [make_sdist(f"pear{number}", "1.0", padding=2000 * number) for number in range(PROJECTS)]


@pytest.fixture
def orchard(person: Person) -> Person:
    person.writes("requirements.txt", "".join(f"pear{number}==1.0\n" for number in range(PROJECTS)))
    return person


def test_a_cold_run_asks_for_each_page_and_each_file_once_over_few_connections(orchard: Person) -> None:
    for number, dist in enumerate(dists()):
        orchard.index.add(f"pear{number}", dist)

    assert orchard.fetches("pip", "--concurrency", str(LIMIT)).code == 0

    assert set(Counter(orchard.index.paths).values()) == {1}
    assert len(orchard.index.requests) == 2 * PROJECTS
    assert orchard.index.connections <= LIMIT  # pages and files together


def test_each_host_has_its_own_connections_that_stay_open(orchard: Person) -> None:
    with IndexServer() as files:
        for number, dist in enumerate(dists()):
            orchard.index.add(f"pear{number}", dist, url=files.serve_file(dist))

        assert orchard.fetches("pip", "--concurrency", str(LIMIT)).code == 0

        assert (len(orchard.index.requests), len(files.requests)) == (PROJECTS, PROJECTS)
        assert orchard.index.connections <= LIMIT
        assert files.connections <= LIMIT


def test_every_request_says_who_asks(orchard: Person) -> None:
    for number, dist in enumerate(dists()):
        orchard.index.add(f"pear{number}", dist)
    assert orchard.fetches().code == 0
    (agent,) = {request.headers["user-agent"] for request in orchard.index.requests}
    assert re.fullmatch(rf"cachi2ish/{re.escape(__version__)} python/3\.\d+\.\S+", agent)
