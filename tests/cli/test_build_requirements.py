"""What the offline build will miss is said while there still is a network."""

from __future__ import annotations

from tests.cli.conftest import Person
from tests.support.distributions import core_metadata, make_sdist, make_wheel, sdist_files

ALLOWED = '{"type": "pip", "allow_binary": true}'


def warned(text: str) -> list[str]:
    return [line.removeprefix("warning: ") for line in text.splitlines() if "is built with" in line]


def test_a_lock_without_build_requirements_is_warned_of_sdist_by_sdist(person: Person) -> None:
    person.index.add(
        "apple", make_sdist("apple", "1.0", files=sdist_files("apple", "1.0", build_requires=("hatchling",)))
    )
    old = {"PKG-INFO": core_metadata("banana", "1.0"), "setup.py": "from setuptools import setup\nsetup()\n"}
    person.index.add("banana", make_sdist("banana", "1.0", ".zip", files=old))
    person.index.add("cherry", make_wheel("cherry", "1.0"))
    person.writes("requirements.txt", "apple==1.0\nbanana==1.0\ncherry==1.0\n")
    end = "which nothing in the output satisfies; pin it in requirements-build.txt"
    expected = [
        f"requirements.txt:1: apple-1.0.tar.gz is built with hatchling, {end}",
        f"requirements.txt:2: banana-1.0.zip is built with setuptools>=40.8.0, {end}",
    ]
    first = person.fetches(ALLOWED)
    assert first.code == 0, first.told
    assert warned(first.err) == expected
    person.index.forget_requests()
    assert warned(person.fetches(ALLOWED, "--offline").err) == expected, "as it was remembered"

    person.index.add(
        "hatchling", make_sdist("hatchling", "1.0", files=sdist_files("hatchling", "1.0", build_requires=()))
    )
    for version in ("40.7", "40.8"):
        person.index.add("setuptools", make_wheel("setuptools", version))
    person.writes("requirements-build.txt", "hatchling==1.0\nsetuptools==40.7\n")
    assert warned(person.fetches(ALLOWED).err) == expected[1:]
    person.writes("requirements-build.txt", "hatchling==1.0\nsetuptools==40.8\n")
    assert warned(person.fetches(ALLOWED).err) == []


def test_the_project_itself_is_warned_of_where_it_says_that_it_is_built(person: Person) -> None:
    person.index.add("apple", make_wheel("apple", "1.0"))
    person.writes("service/requirements.txt", "apple==1.0\n")
    person.writes("service/pyproject.toml", '[project]\nname = "app"\n')
    packages = '{"type": "pip", "path": "service", "allow_binary": true}'
    assert warned(person.fetches(packages).err) == []
    person.writes("service/pyproject.toml", '[project]\nname = "app"\n[build-system]\nrequires = ["flit_core"]\n')
    (warning,) = warned(person.fetches(packages).err)
    assert warning.startswith("the project itself in service is built with flit_core, which nothing")
