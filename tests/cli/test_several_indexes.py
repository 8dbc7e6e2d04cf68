"""Several indexes in one file: digests decide where the lock names them, else the first that has the project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist, make_wheel
from tests.support.faulty_http import Fault
from tests.support.index_server import IndexServer

CPU = make_wheel("torch", "2.1.1+cpu", "cp312-cp312-manylinux_2_28_x86_64")
ARM = make_wheel("torch", "2.1.1", "cp312-cp312-manylinux_2_28_aarch64")
SDIST, OTHER = make_sdist("torch", "2.1.1"), make_sdist("filelock", "3.1")
WHEELS = '{"type": "pip", "allow_binary": true}'
TORCH, FILELOCK = "/simple/torch/", "/simple/filelock/"


@pytest.fixture
def storage() -> Iterator[IndexServer]:
    """An index out of files in a storage that answers 403 for what is not there."""
    with IndexServer() as server:
        server.add("torch", CPU)
        server.script(FILELOCK, [Fault.status(403)] * 9)
        yield server


@pytest.fixture
def public(person: Person) -> IndexServer:
    for dist in (SDIST, ARM):
        person.index.add("torch", dist)
    person.index.add("filelock", OTHER)
    return person.index


def lines(*indexes: IndexServer, hashes: bool = True) -> str:
    """A lock with these indexes, the first of them as --index-url."""
    first, *others = (one.index_url for one in indexes)
    named = " ".join(one.hash_option() for one in (CPU, ARM)) if hashes else ""
    other = OTHER.hash_option() if hashes else ""
    extra = "".join(f"--extra-index-url {address}\n" for address in others)
    return f"--index-url {first}\n{extra}torch==2.1.1 {named}\nfilelock==3.1 {other}\n"


@pytest.mark.parametrize("first", ["storage", "public"])
def test_with_hashes_every_index_is_looked_at_whatever_the_order_and_forbidden_is_not_there(
    person: Person, storage: IndexServer, public: IndexServer, first: str
) -> None:
    order = (storage, public) if first == "storage" else (public, storage)
    person.writes("requirements.txt", lines(*order))
    assert person.fetches(WHEELS).code == 0
    assert person.deps() == sorted([CPU.filename, ARM.filename, OTHER.filename])
    components = json.loads((person.output / "bom.json").read_text())["components"]
    (labelled,) = (one["purl"] for one in components if one["version"] == "2.1.1+cpu")
    assert unquote(labelled).endswith(f"?repository_url={storage.index_url}")


def test_a_second_run_over_several_indexes_asks_nobody_and_leaves_the_same(
    person: Person, storage: IndexServer, public: IndexServer
) -> None:
    person.writes("requirements.txt", lines(storage, public))
    assert person.fetches(WHEELS).code == 0
    first = tree(person.output)
    for options in ([], ["--offline"]):
        for server in (storage, public):
            server.forget_requests()
        assert person.fetches(WHEELS, *options).code == 0
        assert (storage.requests, public.requests) == ((), ())
        assert tree(person.output) == first


def test_a_pin_with_a_label_is_found_on_the_index_behind_where_a_hash_names_it(
    person: Person, storage: IndexServer, public: IndexServer
) -> None:
    head = f"--index-url {public.index_url}\n--extra-index-url {storage.index_url}\n"
    person.writes("requirements.txt", f"{head}torch==2.1.1+cpu {CPU.hash_option()}\n")
    assert person.fetches(WHEELS).code == 0
    assert person.deps() == [CPU.filename]


def test_a_stranger_with_the_same_name_and_version_is_not_taken(person: Person, public: IndexServer) -> None:
    stranger = make_wheel("torch", "2.1.1", "cp312-cp312-manylinux_2_28_aarch64", requires=("evil",))
    with IndexServer() as other:
        other.add("torch", stranger)
        for order in ((other, public), (public, other)):
            first, second = (one.index_url for one in order)
            head = f"--index-url {first}\n--extra-index-url {second}\n"
            person.writes("requirements.txt", f"{head}torch==2.1.1 {ARM.hash_option()}\n")
            assert person.fetches(WHEELS).code == 0
            assert (person.output / "deps" / "pip" / ARM.filename).read_bytes() == ARM.content


def test_without_hashes_the_first_index_that_has_the_project_answers_and_who_stands_behind_is_said(
    person: Person, storage: IndexServer, public: IndexServer
) -> None:
    head = f"--index-url {public.index_url}\n--extra-index-url {storage.index_url}\n"
    person.writes("requirements.txt", f"{head}torch==2.1.1+cpu\n")
    outcome = person.fetches(WHEELS)
    assert outcome.code == 5
    assert (
        f"torch==2.1.1+cpu is not on {public.index_url}; it has 1 version (2.1.1); it has the project and answers"
        f" for it alone, so {storage.index_url} behind it was not used"
    ) in outcome.err
    assert "lock with hashes" in outcome.err
    assert "one file per index" in outcome.err
    assert "uv asks the extra indexes first" in outcome.err
    assert "--extra-index-url" not in outcome.err
    assert storage.requests == ()


def test_without_hashes_an_index_that_shows_nothing_is_an_error(
    person: Person, storage: IndexServer, public: IndexServer
) -> None:
    person.writes("requirements.txt", lines(storage, public, hashes=False))
    outcome = person.fetches(WHEELS)
    assert outcome.code == 5
    assert "HTTP 403" in outcome.err
    assert FILELOCK not in public.paths


def test_who_was_asked_in_vain_is_said_where_no_index_has_the_file(
    person: Person, storage: IndexServer, public: IndexServer
) -> None:
    head = f"--index-url {storage.index_url}\n--extra-index-url {public.index_url}\n"
    person.writes("requirements.txt", f"{head}filelock==3.1 {SDIST.hash_option()}\n")
    outcome = person.fetches()
    assert outcome.code == 5
    assert f"the project is not on {storage.index_url} (HTTP 403)" in outcome.err
