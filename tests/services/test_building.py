"""What sdists are built with, held against the output, without a network and a command line."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from cachi2ish.cli.wiring import build_facts, planner
from cachi2ish.core.as_of import PackageDates
from cachi2ish.core.choose.candidates import TargetFiles
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice, ChosenFiles
from cachi2ish.core.distributions import is_wheel
from cachi2ish.core.inventory import MainPackage
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Origin
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.building import MOST_NAMED, missing_build_requirements
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.ports import Archives
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from tests.core.one_project import pin
from tests.services.fakes import FakeRecollection, FakeSdists, blob_of

OLD, NEW = (Target.parse(python, "manylinux_2_28_x86_64") for python in ("3.9", "3.13"))
ROOT = MainPackage(name="notes", version="1.0")


class Run:
    """An output: files by name, and what the sdists among them are built with."""

    def __init__(self, *targets: Target, own: tuple[str, ...] = ()) -> None:
        self._targets = targets
        self._own = own
        self._pins: list[Pinned] = []
        self._choices: list[ChosenFiles] = []
        self._fetched: list[Fetched] = []

    def has(
        self,
        project: str,
        *filenames: str,
        requires: Sequence[str] = (),
        version: str = "1.0",
        by_target: dict[Target, str] | None = None,
    ) -> None:
        one = replace(pin(version), name=project, origin=Origin("requirements.txt", len(self._pins) + 1))
        files = tuple(IndexFile(filename=name, url=f"https://f.test/{name}") for name in filenames)
        served = by_target or {target: name for target in self._targets for name in filenames[:1]}
        named = {file.filename: file for file in files}
        self._pins.append(one)
        self._choices.append(
            ChosenFiles.of(
                Choice(
                    requirement=one,
                    index="",
                    files=files,
                    by_target=tuple(TargetFiles(target, (named[name],)) for target, name in served.items()),
                )
            )
        )
        for file in files:
            blob = blob_of(file.filename.encode())
            built_with = () if is_wheel(file.filename) else tuple(requires)
            self._fetched.append(
                Fetched(
                    requirement=one,
                    filename=file.filename,
                    url=file.url,
                    blob=blob,
                    digests=(blob.digest,),
                    verified=True,
                    identity=Identity(project, version, build_requires=built_with),
                )
            )

    def warnings(self) -> list[str]:
        lock = Lock("requirements.txt", tuple(self._pins))
        package = SourcePackage(ROOT, (lock,), Policy(targets=self._targets), PackageDates(), self._own)
        archives = Archives(lambda: FakeSdists({}), FakeRecollection(), build_facts, planner)
        return list(missing_build_requirements(Reading(ROOT, (package,)), self._choices, self._fetched, archives))


def test_what_is_declared_and_not_there_is_named_with_the_line_that_asks_for_the_sdist() -> None:
    run = Run()
    run.has("apple", "apple-1.0.tar.gz", requires=["hatchling>=1.20", "hatch-vcs"])
    (warning,) = run.warnings()
    assert warning == (
        "requirements.txt:1: apple-1.0.tar.gz is built with hatchling>=1.20, hatch-vcs, which nothing in the"
        " output satisfies; pin it in requirements-build.txt"
    )
    run.has("Hatch_VCS", "hatch_vcs-1.0.tar.gz")
    (warning,) = run.warnings()
    assert "is built with hatchling>=1.20, which" in warning


@pytest.mark.parametrize(
    ("needed", "there"),
    [
        ("setuptools", True),
        ("setuptools >= 61", True),
        ("setuptools>=81", False),
        ("setuptools<80", False),
        ("setuptools~=80.1", True),
        ("setuptools==80.*", True),
        ("setuptools!=80.9", False),
        ("setuptools[core]>=61", True),
        ("setuptools @ https://files.test/setuptools.zip", False),
        ("Setuptools>=80.9.dev1", True),
        ("not a requirement", True),
    ],
)
def test_specifiers_are_those_of_pep_440(needed: str, there: bool) -> None:
    run = Run()
    run.has("setuptools", "setuptools-80.9.tar.gz", version="80.9")
    run.has("apple", "apple-1.0.tar.gz", requires=[needed])
    assert (run.warnings() == []) is there


def test_of_several_versions_one_that_fits_is_enough_and_a_pre_release_will_do() -> None:
    run = Run()
    run.has("setuptools", "setuptools-80.9.tar.gz", version="80.9")
    run.has("setuptools", "setuptools-84.0rc1.tar.gz", version="84.0rc1")
    run.has("apple", "apple-1.0.tar.gz", requires=["setuptools>=81", "setuptools<81"])
    assert run.warnings() == []


def test_a_wheel_is_not_built_and_neither_is_an_sdist_beside_one() -> None:
    run = Run()
    run.has("apple", "apple-1.0-py3-none-any.whl", requires=["nowhere"])
    run.has("banana", "banana-1.0.tar.gz", "banana-1.0-cp312-cp312-win_amd64.whl", requires=["nowhere"])
    assert run.warnings() == []


def test_a_target_that_takes_the_sdist_builds_it_and_others_do_not() -> None:
    both = ("apple-1.0.tar.gz", "apple-1.0-cp313-cp313-manylinux_2_17_x86_64.whl")
    for needed, warned in (
        ("nowhere", True),
        ('nowhere; python_version < "3.10"', True),
        ('nowhere; python_version >= "3.10"', False),
    ):
        run = Run(OLD, NEW)
        run.has("apple", *both, requires=[needed], by_target={OLD: both[0], NEW: both[1]})
        assert bool(run.warnings()) is warned, needed


def test_a_wheel_of_a_build_requirement_counts_where_it_fits() -> None:
    wheel = "cython-3.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    for target, warned in ((NEW, False), (OLD, True)):
        run = Run(target)
        run.has("apple", "apple-1.0.tar.gz", requires=["cython"])
        run.has("cython", wheel, version="3.0")
        assert bool(run.warnings()) is warned


def test_without_targets_a_marker_counts_where_it_holds_on_every_usual_machine() -> None:
    for marker, warned in (
        ('python_version >= "3.8"', True),
        ('python_version < "3.11"', False),
        ('sys_platform == "win32"', False),
        ('platform_python_implementation != "PyPy"', True),
    ):
        run = Run()
        run.has("apple", "apple-1.0.tar.gz", requires=[f"tomli; {marker}"])
        assert bool(run.warnings()) is warned, marker


def test_the_project_itself_is_built_too() -> None:
    (warning,) = Run(own=("flit_core>=3.2,<4",)).warnings()
    assert warning == (
        "the project itself is built with flit_core>=3.2,<4, which nothing in the output satisfies; pin it in"
        " requirements-build.txt, if the build installs the project (pip install .)"
    )


def test_of_many_twenty_are_named_and_all_are_counted() -> None:
    run = Run()
    for number in range(MOST_NAMED):
        run.has(f"p{number}", f"p{number}-1.0.tar.gz", requires=["nowhere"])
    assert len(run.warnings()) == MOST_NAMED
    run.has("last", "last-1.0.tar.gz", requires=["nowhere"])
    *named, total = run.warnings()
    assert len(named) == MOST_NAMED
    assert total == "21 packages are built with what the output lacks, of which 20 are named"
