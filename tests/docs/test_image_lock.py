"""What the image of cachi2ish is made of fits what the project says of itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, set[Version]]:
    found: dict[str, set[Version]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[.*\])?==([^ \\;]+)", text(lock), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


def fits(requirement: Requirement, lock: str) -> bool:
    versions = pins(lock).get(canonicalize_name(requirement.name), set())
    return any(version in requirement.specifier for version in versions)


@pytest.mark.parametrize("stated", PROJECT["project"]["dependencies"])
def test_every_dependency_is_in_the_lock_of_the_image(stated: str) -> None:
    assert fits(Requirement(stated), "requirements/image.txt"), "run: make lock"


@pytest.mark.parametrize(
    "stated", [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["mirror"]]
)
def test_every_dependency_of_the_mirror_is_in_its_lock(stated: str) -> None:
    assert fits(Requirement(stated), "requirements/mirror.txt"), "run: make lock"


@pytest.mark.parametrize("stated", PROJECT["build-system"]["requires"])
def test_what_builds_the_project_itself_is_in_the_lock_of_the_build(stated: str) -> None:
    assert fits(Requirement(stated), "requirements/image-build.txt"), "run: make lock"


@pytest.mark.parametrize("stated", PROJECT["build-system"]["requires"])
def test_what_an_installation_builds_its_wheel_with_is_pinned(stated: str) -> None:
    assert fits(Requirement(stated), "requirements/build.txt"), "run: make lock"


@pytest.mark.parametrize("lock", ["requirements/image.txt", "requirements/mirror.txt", "requirements/build.txt"])
def test_what_is_installed_has_the_versions_that_are_tested(lock: str) -> None:
    tested = pins("requirements/dev.txt")
    differing = {name for name, versions in pins(lock).items() if versions - tested.get(name, versions)}
    assert not differing, "run: make lock"


def test_what_comes_as_a_wheel_is_the_same_for_the_lock_and_for_the_image() -> None:
    packages = [re.findall(r'"packages": ("[^"]*")', text(name)) for name in ("Makefile", "containers/image.sh")]
    assert packages[0]
    assert packages[0] == packages[1]
