"""Small slips of the hand on a command line are named, with what to do about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.services.lock_build_deps.findings import summary
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist, make_wheel
from tests.support.mirror_keeper import Keeper


@pytest.fixture
def output(person: Person) -> Path:
    person.index.add("apple", make_sdist("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    assert person.fetches().code == 0
    return person.output


def test_a_misspelled_tool_is_named(person: Person, output: Path) -> None:
    target = ("--target", "python=3.12,platform=manylinux_2_28_x86_64")
    told = person.runs("verify", output, *target, "--tools", "ninja, cmaek, gcc").err
    assert told.count("warning: ") == 1
    assert "warning: --tools names 'cmaek': did you mean 'cmake'?" in told
    for name in ("setuptools", "wheel"):
        person.index.add(name, make_wheel(name, "80"))
    told = person.runs("lock-build-deps", "--source", person.source, *target, "--tools", "cmaek", "pip").err
    assert "warning: --tools names 'cmaek': did you mean 'cmake'?" in told


def test_an_image_without_a_name_is_a_matter_of_usage(person: Person, output: Path) -> None:
    told = person.runs("verify", output, "--in-image", "")
    assert told.code == ExitCode.INPUT
    assert "it is empty; is a variable not set?" in " ".join(told.err.split())


def test_a_source_that_is_not_there_is_an_error_also_where_nothing_is_to_be_rewritten(
    person: Person, output: Path
) -> None:
    for options in ((), ("--revert",)):
        done = person.runs("inject-files", output, "--source", person.source / "nowhere", *options)
        assert done.code == ExitCode.INPUT
        assert "is no directory" in done.err
        assert "hint: name the project with --source" in done.err
    assert person.runs("inject-files", output, "--source", person.source).code == 0


def test_an_empty_file_is_no_history(person: Person, tmp_path: Path) -> None:
    keeper = Keeper(person, tmp_path / "mirror")
    keeper.directory.mkdir()
    (keeper.directory / "history.sqlite").touch()
    assert "there is no history in" in keeper.syncs(code=ExitCode.INPUT).err


def test_a_configuration_of_pip_that_is_a_folder_is_named_without_numbers(person: Person) -> None:
    person.environ["PIP_CONFIG_FILE"] = str(person.source)
    done = person.fetches()
    assert done.code == ExitCode.INPUT
    assert "pip's configuration cannot be read: Is a directory" in done.err
    assert "Errno" not in done.err


def test_files_that_are_not_there_have_a_hint(person: Person, tmp_path: Path) -> None:
    keeper = Keeper(person, tmp_path / "mirror")
    told = keeper.runs("track", "-r", "nofile", code=ExitCode.INPUT).err
    assert "hint: check --requirement" in told
    told = person.runs("lock-build-deps", "--source", person.source, "--constraint", "nofile", "pip").err
    assert "hint: check --constraint" in told
    told = person.runs("fetch-deps", "--config-file", ".", "pip").err
    assert "hint: check --config-file" in told


@pytest.mark.parametrize(
    ("builds", "releases", "sentence"),
    [(1, 1, "1 build needs 1 release"), (5, 1, "5 builds need 1 release"), (1, 0, "1 build needs 0 releases")],
)
def test_builds_and_releases_are_counted_in_words(builds: int, releases: int, sentence: str) -> None:
    assert summary(builds, releases) == sentence
