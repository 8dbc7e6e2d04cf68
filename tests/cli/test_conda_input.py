"""The pip part of conda environments from the outside: fetched, and conda's own packages are listed once."""

from __future__ import annotations

from tests.cli.conftest import Person
from tests.support.distributions import make_sdist, make_wheel

APPLE, FIG = make_sdist("apple", "1.0"), make_wheel("fig", "1.0")


def test_an_environment_is_fetched_from_the_index(person: Person) -> None:
    person.index.add("apple", APPLE)
    person.environ["PIP_INDEX_URL"] = person.index.index_url
    line = f"apple==1.0 {APPLE.hash_option()}"
    person.writes("environment.yml", f"dependencies:\n- numpy\n- python=3.12\n- pip:\n  - {line}\n")
    outcome = person.fetches("conda")
    assert outcome.code == 0, outcome.told
    assert person.deps() == [APPLE.filename]
    assert outcome.err.count("a conda client has to bring numpy, python=3.12") == 1


def test_a_lock_of_pixi_is_fetched_from_its_addresses(person: Person) -> None:
    url = person.index.serve_file(FIG)
    person.writes(
        "pixi.lock",
        f"version: 6\nenvironments:\n  default:\n    packages:\n      linux-64:\n      - pypi: {url}\n"
        f"packages:\n- pypi: {url}\n  name: fig\n  version: '1.0'\n  sha256: {FIG.sha256}\n",
    )
    outcome = person.fetches('{"type": "pixi", "allow_binary": true}')
    assert outcome.code == 0, outcome.told
    assert (person.deps(), person.index.paths) == ([FIG.filename], (f"/files/{FIG.filename}",))
