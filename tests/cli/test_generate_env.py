"""``generate-env``: one set of variables, in the words of whoever reads them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cachi2ish.core.outputs import OTHER_TOOLS_ENVIRONMENT, PIP_ENVIRONMENT
from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.program import environment, shell

LINES = """\
PDM_PYPI_URL=file:///tmp/out/deps/simple
PIP_FIND_LINKS=/tmp/out/deps/pip
PIP_NO_INDEX=true
UV_DEFAULT_INDEX=file:///tmp/out/deps/pip
UV_FIND_LINKS=file:///tmp/out/deps/pip
UV_OFFLINE=true
"""


def records(person: Person, **variables: str) -> None:
    stated = variables or {one.name: one.value for one in sorted((*PIP_ENVIRONMENT, *OTHER_TOOLS_ENVIRONMENT))}
    listed = [{"name": name, "value": value} for name, value in stated.items()]
    person.output.mkdir()
    (person.output / ".build-config.json").write_text(
        json.dumps({"environment_variables": listed, "project_files": []})
    )


def generated(person: Person, env_format: str, for_output_dir: str = "/tmp/out") -> str:
    outcome = person.runs(
        "generate-env", person.output, "--format", env_format, "--for-output-dir", for_output_dir
    )
    assert outcome.code == 0, outcome.told
    return outcome.out


def test_an_output_names_what_pip_and_uv_need(person: Person) -> None:
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    assert generated(person, "github") == LINES


def test_every_format_says_the_same(person: Person) -> None:
    records(person)
    exports = "".join(f"export {line}\n" for line in LINES.splitlines())
    pairs = [line.partition("=") for line in LINES.splitlines()]
    assert generated(person, "env") == exports
    assert generated(person, "sh") == f"#!/bin/sh\n{exports}"
    assert generated(person, "dockerfile") == "".join(f"ENV {line}\n" for line in LINES.splitlines())
    assert generated(person, "github") == LINES
    assert json.loads(generated(person, "json")) == [{"name": name, "value": value} for name, _, value in pairs]


@pytest.mark.parametrize(
    ("folder", "url"),
    [
        ("/a b", "file:///a%20b"),
        ("/a,b=$c{d}", "file:///a%2Cb%3D%24c%7Bd%7D"),
        ("/é\udcff#", "file:///%C3%A9%FF%23"),
    ],
)
def test_uv_gets_a_url_since_it_splits_paths_at_commas_and_expands_variables(
    person: Person, folder: str, url: str
) -> None:
    records(person)
    values = {one["name"]: one["value"] for one in json.loads(generated(person, "json", folder))}
    assert values["UV_FIND_LINKS"] == values["UV_DEFAULT_INDEX"] == f"{url}/deps/pip"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("", ""),
        ("/tmp/out-1.0_x/deps", "/tmp/out-1.0_x/deps"),
        ("file:///a%20b", "file:///a%20b"),
        ("a b", '"a b"'),
        ("$HOME", r'"\$HOME"'),
        (r"a\b", r'"a\\b"'),
        ('say "x"', r'"say \"x\""'),
        ("it's", '"it\'s"'),
        ("# no", '"# no"'),
        ("é", '"é"'),
    ],
)
def test_a_value_is_quoted_for_a_containerfile(person: Person, value: str, word: str) -> None:
    records(person, NAME=value)
    assert generated(person, "dockerfile") == f"ENV NAME={word}\n"


@pytest.mark.parametrize("env_format", ["dockerfile", "github"])
@pytest.mark.parametrize("value", ["a\nRUN evil", "a\rb"])
def test_a_line_break_cannot_bring_in_another_line(person: Person, env_format: str, value: str) -> None:
    records(person, PIP_FIND_LINKS=value)
    outcome = person.runs("generate-env", person.output, "--format", env_format)
    assert outcome.code == ExitCode.INPUT
    assert "PIP_FIND_LINKS has a line break" in outcome.err
    assert outcome.out == ""


def test_a_list_of_folders_that_another_tool_recorded_stays_a_list(person: Person) -> None:
    records(person, PIP_FIND_LINKS="wheels /srv/wheels")
    assert generated(person, "github") == "PIP_FIND_LINKS=wheels /srv/wheels\n"


@pytest.mark.parametrize("value", ["a\nb", "it's $HOME `x` \\", "é"])
def test_a_shell_reads_any_value_back(person: Person, value: str) -> None:
    records(person, NAME=value)
    file = person.home / "x.env"
    assert person.runs("generate-env", person.output, "--output", file).code == 0
    shown = subprocess.run(
        ["sh", "-c", '. "$0"; printf %s "$NAME"', file], capture_output=True, check=True, env=os.environ
    ).stdout
    assert shown.decode() == value


@pytest.mark.parametrize("earlier", [None, "", "A=1\n", "A=1"])
def test_for_github_the_lines_are_added_to_the_file(person: Person, earlier: str | None) -> None:
    records(person)
    file = person.home / "set_env_5f"
    if earlier is not None:
        file.write_text(earlier)
    options = ("--format", "github", "--output", file, "--for-output-dir", "/tmp/out")
    assert person.runs("generate-env", person.output, *options).code == 0
    assert file.read_text() == ("A=1\n" if earlier else "") + LINES


def test_for_github_a_file_that_cannot_be_written_is_told(person: Person, tmp_path: Path) -> None:
    records(person)
    file = tmp_path / "nowhere" / "env"
    outcome = person.runs("generate-env", person.output, "--format", "github", "--output", file)
    assert outcome.code == ExitCode.STORAGE
    assert "cannot be written" in outcome.err


@pytest.mark.parametrize("name", ["build.dockerfile", "build.github"])
def test_the_suffix_of_the_file_chooses_these_formats_too(person: Person, name: str) -> None:
    records(person)
    file = person.home / name
    assert person.runs("generate-env", person.output, "--output", file, "--for-output-dir", "/tmp/out").code == 0
    prefix = "ENV " if name.endswith("dockerfile") else ""
    assert file.read_text() == "".join(f"{prefix}{line}\n" for line in LINES.splitlines())


@pytest.mark.parametrize("command", ["generate-env", "inject-files"])
def test_an_empty_place_for_the_build_is_refused(person: Person, command: str) -> None:
    records(person)
    done = person.runs(command, person.output, "--for-output-dir", "")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert "it is empty; is a variable not set?" in " ".join(done.err.replace("│", " ").split())


@pytest.mark.parametrize("name", ["x.txt", "Dockerfile", "x.ENV", "x.", "environment"])
def test_a_suffix_that_no_format_has_is_refused_with_those_that_there_are(person: Person, name: str) -> None:
    records(person)
    file = person.home / name
    done = person.runs("generate-env", person.output, "--output", file)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert str(file) in done.err
    for suffix in (".env", ".sh", ".json", ".dockerfile", ".github", "--format"):
        assert suffix in done.err
    assert not file.exists()
    assert person.runs("generate-env", person.output, "--output", file, "--format", "env").code == 0
    assert file.read_text().startswith("export ")


@pytest.mark.parametrize("name", [".env", "prefetch.env", "cachi2.env"])
def test_an_environment_file_is_for_a_shell(person: Person, name: str) -> None:
    records(person)
    file = person.home / name
    assert person.runs("generate-env", person.output, "--output", file).code == 0
    assert file.read_text().startswith("export ")


@pytest.mark.parametrize("device", ["/dev/stdout", "/dev/fd/1"])
def test_a_stream_by_its_name_gets_what_standard_output_gets(person: Person, device: str) -> None:
    records(person)
    plain, named = (
        shell('"$@" | cat', "generate-env", person.output, *options, environ=environment(person.home, {}))
        for options in ((), ("--output", device))
    )
    assert json.loads(plain.stdout)
    assert named.stdout == plain.stdout, named.stderr


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no such file system here")
def test_a_file_in_memory_is_a_file_whose_suffix_chooses(person: Person) -> None:
    records(person)
    with TemporaryDirectory(dir="/dev/shm") as folder:
        file = Path(folder) / "build.env"
        for _ in range(2):  # what was written before is replaced
            assert person.runs("generate-env", person.output, "--output", file).code == 0
            assert file.read_text().startswith("export ")
            assert file.read_text().count("PIP_NO_INDEX") == 1
        unclear = person.runs("generate-env", person.output, "--output", file.with_suffix(""))
    assert unclear.code == ExitCode.USAGE
    assert "has no suffix" in unclear.err


def test_constraints_of_the_output_are_named_where_the_build_sees_them(person: Person) -> None:
    records(person)
    file = person.output / "deps" / "one.txt"
    file.parent.mkdir(exist_ok=True)
    file.touch()
    command = ("generate-env", person.output, "--for-output-dir", "/tmp/out", "--format", "json")
    for given, seen in {str(file): "/tmp/out/deps/one.txt", "/elsewhere/two.txt": "/elsewhere/two.txt"}.items():
        outcome = person.runs(*command, "--build-constraint", given)
        variables = {one["name"]: one["value"] for one in json.loads(outcome.out)}
        assert variables["PIP_BUILD_CONSTRAINT"] == seen
