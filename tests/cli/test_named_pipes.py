"""A named pipe that nobody writes to is refused and not waited for; the streams of a shell are read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.files import user_files
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
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


@pytest.mark.parametrize("name", ["pip.conf", "netrc", "netrc of the home", "build config", "user config"])
@pytest.mark.parametrize("kind", ["pipe", "device", "sparse"])
def test_a_file_that_is_found_by_its_place_is_refused_too(
    person: Person, pipe: Path, name: str, kind: str
) -> None:
    place = {
        "pip.conf": person.home / "pip.conf",
        "netrc": person.home / "netrc",
        "netrc of the home": person.home / ".netrc",
        "build config": person.output / ".build-config.json",
        "user config": person.home / ".config" / "cachi2ish" / "config.toml",
    }[name]
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        pipe.rename(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        with place.open("wb") as file:
            file.truncate(1 << 40)
    if name in {"netrc", "pip.conf"}:
        person.environ[{"netrc": "NETRC", "pip.conf": "PIP_CONFIG_FILE"}[name]] = str(place)
    person.index.add("fig", make_sdist("fig", "1.0"))
    person.writes("requirements.txt", "fig==1.0\n")
    outcome = person.runs("generate-env", person.output) if name == "build config" else person.fetches()
    if (name, kind) in {("netrc of the home", "pipe"), ("netrc of the home", "device")}:
        assert outcome.code == 0  # it is no file, so there is none
        return
    assert outcome.code == ExitCode.INPUT
    assert str(place) in outcome.err
    assert ("is not a regular file" if kind != "sparse" else "is larger than 16 MiB") in outcome.err


def test_a_requirements_file_of_a_tebibyte_is_refused(person: Person) -> None:
    with (person.source / "requirements.txt").open("wb") as file:
        file.truncate(1 << 40)
    outcome = person.fetches()
    assert outcome.code == ExitCode.INPUT
    assert "error: requirements.txt: it is larger than 16 MiB (1099511627776 bytes or more)" in outcome.err


@pytest.mark.parametrize("script", ['cat pipe.env & "$@"; wait', '"$@" & sleep 0.5; cat pipe.env; wait'])
def test_a_result_goes_to_a_pipe_that_somebody_reads_soon(person: Person, pipe: Path, script: str) -> None:
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    pipe = pipe.rename(pipe.with_suffix(".env"))
    arguments = ("generate-env", person.output, "--output", pipe)
    done = shell(script, *arguments, environ=environment(person.home, person.environ), cwd=pipe.parent)
    assert "PIP_FIND_LINKS" in done.stdout


def test_a_result_for_a_pipe_that_nobody_reads_is_an_error(
    person: Person, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_files, "_PAUSE", 0.001)
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    pipe = pipe.rename(pipe.with_suffix(".env"))
    outcome = person.runs("generate-env", person.output, "--output", pipe)
    assert outcome.code == ExitCode.STORAGE
    assert f"error: {pipe} cannot be written: nobody reads from it" in outcome.err


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
