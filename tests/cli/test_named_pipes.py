"""A named pipe that nobody writes to is refused and not waited for; the streams of a shell are read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cachi2ish.errors import ExitCode
from tests.cli.conftest import Person
from tests.support.program import environment, shell


@pytest.fixture
def pipe(person: Person) -> Path:
    path = person.source / "pipe"
    os.mkfifo(path)
    return path


def test_as_the_input_it_is_refused(person: Person, pipe: Path) -> None:
    outcome = person.fetches(str(pipe))
    assert outcome.code == ExitCode.INPUT
    assert f"error: the input file '{pipe}' is not a regular file\n  hint: name a regular file, or" in outcome.err


@pytest.mark.parametrize("suffix", [".toml", ".yaml"])
def test_as_the_configuration_it_is_refused(person: Person, pipe: Path, suffix: str) -> None:
    config = pipe.rename(pipe.with_suffix(suffix))
    outcome = person.fetches("pip", "--config-file", config)
    assert outcome.code == ExitCode.INPUT
    assert f"error: the configuration file {config} is not a regular file" in outcome.err


def test_as_a_requirements_file_it_is_refused_where_it_is_named(person: Person, pipe: Path) -> None:
    named = person.fetches(json.dumps({"type": "pip", "requirements_files": [pipe.name]}))
    assert named.code == ExitCode.INPUT
    assert "error: pipe: it is not a regular file\n" in named.err

    person.writes("requirements.txt", "-r pipe\n")
    included = person.fetches()
    assert included.code == ExitCode.LOCKFILE
    assert "error: requirements.txt:1: pipe is not a regular file\n" in included.err


def test_as_the_usual_requirements_file_it_is_not_overlooked(person: Person, pipe: Path) -> None:
    pipe.rename(person.source / "requirements.txt")
    outcome = person.fetches()
    assert outcome.code == ExitCode.INPUT
    assert "error: requirements.txt: it is not a regular file\n" in outcome.err


def test_as_a_bill_of_materials_it_is_refused(person: Person, pipe: Path) -> None:
    other = person.writes("bom.json", "{}")
    outcome = person.runs("merge-sboms", other, pipe)
    assert outcome.code == ExitCode.INPUT
    assert f"error: {pipe} is not a regular file\n  hint: name a regular file, or" in outcome.err


def test_as_standard_input_it_is_refused_by_that_name(person: Person, pipe: Path) -> None:
    """To read /dev/stdin is to open the pipe once more, and by then its writer may have gone."""
    arguments = ("fetch-deps", "--source", person.source, "--output", person.output, "/dev/stdin")
    script = f'echo pip > {pipe} & "$@" < {pipe}'
    done = shell(script, *arguments, environ=environment(person.home, person.environ))
    assert done.returncode == ExitCode.INPUT
    assert "the input file '/dev/stdin' is not a regular file" in done.stderr


@pytest.mark.parametrize(
    "script",
    [
        '"$@" /dev/stdin <<< \'{"type": "pip"}\'',
        'echo pip | "$@" /dev/stdin',
        '"$@" <(sleep 0.1; echo pip)',
        '"$@" pip --config-file <(sleep 0.1; echo "concurrency = 4")',
    ],
)
def test_a_stream_of_the_shell_is_read(person: Person, script: str) -> None:
    person.writes("requirements.txt", "")
    arguments = ("fetch-deps", "--source", person.source, "--output", person.output)
    done = shell(script, *arguments, environ=environment(person.home, person.environ))
    assert done.returncode == 0, done.stderr
