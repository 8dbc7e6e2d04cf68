"""A page that states no digests, and a lock that names those of some of its files: each file tells by itself."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Person, tree
from tests.support.distributions import Dist, make_sdist, make_wheel

SDIST = make_sdist("demo", "1.0")
PURE = make_wheel("demo", "1.0")
WIN = make_wheel("demo", "1.0", "cp312-cp312-win_amd64")
LINUX = make_wheel("demo", "1.0", "cp312-cp312-manylinux_2_28_x86_64")
WHEELS = '{"type": "pip", "allow_binary": true}'


def target(*platforms: str) -> str:
    machines = [{"python": "3.12", "platform": platform} for platform in platforms]
    return json.dumps({"type": "pip", "targets": machines})


def lists(person: Person, *dists: Dist) -> None:
    for dist in dists:
        person.index.add("demo", dist, digests=(), size=False)


def locks(person: Person, *named: Dist) -> None:
    person.writes("requirements.txt", f"demo==1.0 {' '.join(one.hash_option() for one in named)}\n")


@pytest.mark.parametrize("named", [(SDIST, WIN), (PURE, WIN), (SDIST,), (SDIST, PURE, WIN)])
def test_a_file_that_the_lock_does_not_name_is_left_out_and_said(person: Person, named: tuple[Dist, ...]) -> None:
    lists(person, SDIST, PURE, WIN)
    locks(person, *named)
    for options in ([], [], ["--offline"]):
        outcome = person.fetches(WHEELS, *options)
        assert outcome.code == 0, outcome.err
        assert person.deps() == sorted(one.filename for one in named)
        for dist in (SDIST, PURE, WIN):
            if dist in named:
                assert tree(person.output)[f"deps/pip/{dist.filename}"] == dist.content
            elif not options:
                assert f"requirements.txt:1: {dist.filename} is left out" in outcome.err
            assert "promised" not in outcome.err


def test_a_file_that_the_lock_does_not_name_is_not_sent_again_unless_it_has_changed(person: Person) -> None:
    lists(person, SDIST, PURE)
    locks(person, SDIST)
    assert person.fetches(WHEELS).code == 0
    person.index.forget_requests()
    outcome = person.fetches(WHEELS)
    assert outcome.code == 0
    assert f"requirements.txt:1: {PURE.filename} is left out" in outcome.err
    answers = {one.path.rpartition("/")[2]: one.status for one in person.index.requests}
    assert (answers[PURE.filename], SDIST.filename in answers) == (304, False)
    locks(person, SDIST, PURE)  # the lock names by now what was left out
    assert person.fetches(WHEELS).code == 0
    assert person.deps() == sorted((SDIST.filename, PURE.filename))


def test_where_no_file_is_named_every_one_is_an_alarm(person: Person) -> None:
    lists(person, SDIST, PURE)
    locks(person, WIN)
    outcome = person.fetches(WHEELS)
    assert outcome.code == 7
    assert f"{SDIST.filename} from" in outcome.err
    assert f"{PURE.filename} from" in outcome.err
    assert "left out" not in outcome.err


def test_what_the_index_promises_and_does_not_keep_is_an_alarm_whatever_else_is_there(person: Person) -> None:
    lists(person, PURE)
    person.index.add("demo", SDIST)
    person.index.serve_file(Dist(SDIST.filename, b"something else"))
    locks(person, PURE, SDIST)
    assert person.fetches(WHEELS).code == 7


@pytest.mark.parametrize("named", [(PURE,), (SDIST,), (LINUX,)])
def test_a_target_gets_the_best_file_that_the_lock_names(person: Person, named: tuple[Dist, ...]) -> None:
    lists(person, SDIST, PURE, LINUX, WIN)
    locks(person, *named)
    for options in ([], ["--offline"]):
        outcome = person.fetches(target("manylinux_2_28_x86_64"), *options)
        assert outcome.code == 0, outcome.err
        assert person.deps() == [one.filename for one in named]


def test_each_target_needs_a_file_that_the_lock_names(person: Person) -> None:
    lists(person, PURE, LINUX, WIN)
    locks(person, LINUX)
    outcome = person.fetches(target("manylinux_2_28_x86_64", "win_amd64"))
    assert outcome.code == 7
    assert f"{WIN.filename} from" in outcome.err
    assert f"{PURE.filename} from" in outcome.err
    assert f"{LINUX.filename} from" not in outcome.err


def test_of_archives_the_one_that_the_lock_names_is_found(person: Person) -> None:
    archive = make_sdist("demo", "1.0", extension=".zip")
    lists(person, SDIST, archive)
    locks(person, archive)
    assert person.fetches().code == 0
    assert person.deps() == [archive.filename]


def test_a_name_that_two_indexes_have_is_the_file_that_the_lock_names(person: Person) -> None:
    stranger = make_sdist("demo", "1.0", padding=10)
    lists(person, stranger)
    with type(person.index)() as other:
        other.add("demo", SDIST, digests=(), size=False)
        head = f"--index-url {person.index.index_url}\n--extra-index-url {other.index_url}\n"
        person.writes("requirements.txt", f"{head}demo==1.0 {SDIST.hash_option()}\n")
        outcome = person.fetches()
        assert outcome.code == 0, outcome.err
        assert tree(person.output)[f"deps/pip/{SDIST.filename}"] == SDIST.content
        assert other.index_url in (person.output / "bom.json").read_text()
