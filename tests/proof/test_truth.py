"""What is proved, pip installs without a network; what is disproved, it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.offline import HERE, backend, buildable, installs

#: Of the Python that runs this, in any case.
NEVER = ">=3.99"


@dataclass(frozen=True)
class Case:
    """A project and its index. verdict: of both, with what ``verify`` says."""

    verdict: str
    says: str
    lock: Callable[[dict[str, Dist]], str]
    index: tuple[Dist, ...]
    build: str = ""


def sdist(name: str, *built_with: str, requires: tuple[str, ...] = ()) -> Dist:
    files = buildable(name, "1.0", built_with=built_with or ("flit_core>=3",), requires=requires)
    return make_sdist(name, "1.0", files=files)


def hashed(*names: str) -> Callable[[dict[str, Dist]], str]:
    return lambda files: "".join(f"{name}==1.0 {files[name].hash_option()}\n" for name in names)


CASES = {
    "an sdist whose build requirement is there": Case(
        "proved",
        "proved",
        lambda _: "apple==1.0\n",
        (sdist("apple"), backend("3.9")),
        "flit-core==3.9\n",
    ),
    "the newest build requirement is for another Python": Case(
        "proved",
        "flit-core 3.9 (to build)",
        lambda _: "apple==1.0\n",
        (sdist("apple"), backend("3.9"), backend("4.0", requires_python=NEVER)),
        "flit-core==3.9\nflit-core==4.0\n",
    ),
    "there is only a pre-release": Case(
        "proved",
        "proved",
        lambda _: "apple==1.0\n",
        (sdist("apple"), backend("3.9rc1")),
        "flit-core==3.9rc1\n",
    ),
    "a build requirement is missing, two builds further down": Case(
        "disproved",
        "banana-1.0.tar.gz is built with cherry>=2, which nothing in the output fulfils",
        lambda _: "apple==1.0\n",
        (sdist("apple", "flit_core>=3", "banana"), sdist("banana", "flit_core", "cherry>=2"), backend("3.9")),
        "flit-core==3.9\nbanana==1.0\n",
    ),
    "two builds need each other": Case(
        "disproved",
        "its build needs itself: apple-1.0.tar.gz needs banana-1.0.tar.gz needs apple-1.0.tar.gz",
        lambda _: "apple==1.0\n",
        (sdist("apple", "flit_core", "banana"), sdist("banana", "flit_core", "apple"), backend("3.9")),
        "flit-core==3.9\nbanana==1.0\n",
    ),
    "an extra asks for what is not there": Case(
        "disproved",
        'apple-1.0-py3-none-any.whl requires cherry; extra == "red", which nothing in the output fulfils',
        lambda _: "apple[red]==1.0\n",
        (make_wheel("apple", "1.0", requires=('cherry; extra == "red"',), metadata="Provides-Extra: red\n"),),
    ),
    "what a marker excludes is not needed": Case(
        "proved",
        "proved",
        lambda _: "apple==1.0\nbanana==1.0 ; python_version < '3'\n",
        (make_wheel("apple", "1.0", requires=("cherry; sys_platform == 'win32'",)), make_wheel("banana", "1.0")),
    ),
    "with hashes nothing is taken that the lock does not pin": Case(
        "disproved",
        "apple-1.0-py3-none-any.whl requires banana, which no line of the lock pins",
        hashed("apple"),
        (make_wheel("apple", "1.0", requires=("banana",)), make_wheel("banana", "1.0")),
        "banana==1.0\n",
    ),
    "two lines contradict what a file requires": Case(
        "disproved",
        "requires banana>=2, which nothing in the output fulfils: there is 1.0",
        lambda _: "apple==1.0\nbanana==1.0\n",
        (make_wheel("apple", "1.0", requires=("banana>=2",)), make_wheel("banana", "1.0")),
    ),
    "a wheel is for another Python, which the index does not say": Case(
        "disproved",
        f"asks for apple==1.0, which is apple-1.0-py3-none-any.whl, and that is for Python {NEVER}",
        lambda _: "apple==1.0\n",
        (make_wheel("apple", "1.0", metadata=f"Requires-Python: {NEVER}\n"),),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_verdict_is_what_pip_does(person: Person, tmp_path: Path, case: Case) -> None:
    files = {}
    for dist in case.index:
        project = dist.filename.partition("-")[0].replace("_", "-")
        files[project] = dist
        person.index.add(project, dist)
    lock = person.writes("requirements.txt", case.lock(files))
    person.writes("requirements-build.txt", case.build)
    fetched = person.fetches('{"type": "pip", "allow_binary": true}')
    assert fetched.code == 0, fetched.told

    verified = person.runs("verify", person.output, "--target", HERE)
    assert (verified.code, verified.out.splitlines()[-1]) == (int(case.verdict != "proved"), case.verdict)
    assert case.says in verified.out
    done = installs(person.output, [lock], tmp_path / "installed", person.home)
    assert (done.returncode == 0) is (case.verdict == "proved"), done.stdout + done.stderr
