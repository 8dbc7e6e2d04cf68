"""The variables of an output in every format, without an output and without a command line."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from cachi2ish.core.modes import EnvFormat
from cachi2ish.core.outputs import (
    OTHER_TOOLS_ENVIRONMENT,
    PIP_ENVIRONMENT,
    UV_ENVIRONMENT,
    BuildConfig,
    EnvironmentVariable,
)
from cachi2ish.errors import InputError, UsageError
from cachi2ish.services.generate_env import format_of, generate_env


def rendered(env_format: EnvFormat, *variables: tuple[str, str], place: str = "/tmp/out") -> str:
    config = BuildConfig("7", tuple(EnvironmentVariable(name, value) for name, value in variables))
    return generate_env(config, PurePosixPath(place), env_format)


@pytest.mark.parametrize(
    ("name", "env_format"),
    [
        (None, EnvFormat.JSON),
        ("x.env", EnvFormat.ENV),
        (".env", EnvFormat.ENV),
        ("a.b.sh", EnvFormat.SH),
        ("x.json", EnvFormat.JSON),
        ("x.dockerfile", EnvFormat.DOCKERFILE),
        ("x.github", EnvFormat.GITHUB),
        ("/dev/stdout", EnvFormat.JSON),
    ],
)
def test_the_suffix_of_the_file_chooses_the_format(name: str | None, env_format: EnvFormat) -> None:
    assert format_of(None if name is None else Path(name)) is env_format


def test_a_directory_is_no_file_to_write_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("out", "cachi2ish.env"):
        (tmp_path / name).mkdir()
        with pytest.raises(UsageError, match="is a directory") as raised:
            format_of(tmp_path / name)
        assert "name a file, such as" in str(raised.value.hint)


@pytest.mark.parametrize(("name", "why"), [("x.txt", "ends in .txt"), ("environment", "has no suffix")])
def test_a_suffix_of_no_format_is_refused(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=rf"^{name} {why}, which does not say in which format to write$"):
        format_of(Path(name))


@pytest.mark.parametrize(
    ("env_format", "text"),
    [
        (EnvFormat.ENV, "export A=/tmp/out\nexport B='x y'\n"),
        (EnvFormat.SH, "#!/bin/sh\nexport A=/tmp/out\nexport B='x y'\n"),
        (EnvFormat.JSON, '[{"name": "A", "value": "/tmp/out"}, {"name": "B", "value": "x y"}]\n'),
        (EnvFormat.DOCKERFILE, 'ENV A=/tmp/out\nENV B="x y"\n'),
        (EnvFormat.GITHUB, "A=/tmp/out\nB=x y\n"),
    ],
)
def test_each_format_has_the_same_variables(env_format: EnvFormat, text: str) -> None:
    assert rendered(env_format, ("A", "${output_dir}"), ("B", "x y")) == text


def test_nothing_to_set_is_an_empty_list() -> None:
    assert [rendered(one) for one in EnvFormat] == ["", "#!/bin/sh\n", "[]\n", "", ""]


def test_a_place_with_white_space_is_a_url_where_pip_would_split_it() -> None:
    config = BuildConfig("7", (*PIP_ENVIRONMENT, *OTHER_TOOLS_ENVIRONMENT))
    values = json.loads(generate_env(config, PurePosixPath("/tmp/my out"), EnvFormat.JSON))
    assert {one["name"]: one["value"] for one in values} == {
        "PDM_PYPI_URL": "file:///tmp/my%20out/deps/simple",
        "PIP_FIND_LINKS": "file:///tmp/my%20out/deps/pip",
        "PIP_NO_INDEX": "true",
        "UV_DEFAULT_INDEX": "file:///tmp/my%20out/deps/pip",
        "UV_FIND_LINKS": "file:///tmp/my%20out/deps/pip",
        "UV_OFFLINE": "true",
    }


@pytest.mark.parametrize(
    ("recorded", "uv", "left"),
    [
        ((*PIP_ENVIRONMENT, *OTHER_TOOLS_ENVIRONMENT), False, PIP_ENVIRONMENT),
        (PIP_ENVIRONMENT, True, (*OTHER_TOOLS_ENVIRONMENT[:1], *PIP_ENVIRONMENT, *UV_ENVIRONMENT)),
        (PIP_ENVIRONMENT, None, PIP_ENVIRONMENT),
        (
            (*PIP_ENVIRONMENT, *UV_ENVIRONMENT),
            True,
            (*OTHER_TOOLS_ENVIRONMENT[:1], *PIP_ENVIRONMENT, *UV_ENVIRONMENT),
        ),
        ((), True, ()),
        ((EnvironmentVariable("UV_OFFLINE", "1"),), False, (EnvironmentVariable("UV_OFFLINE", "1"),)),
        ((EnvironmentVariable("GOFLAGS", "x"),), True, (EnvironmentVariable("GOFLAGS", "x"),)),
    ],
)
def test_the_variables_of_uv_and_pdm_go_with_those_of_pip_and_others_are_left_alone(
    recorded: tuple[EnvironmentVariable, ...], uv: bool | None, left: tuple[EnvironmentVariable, ...]
) -> None:
    text = generate_env(BuildConfig("7", recorded), PurePosixPath("${output_dir}"), EnvFormat.JSON, uv=uv)
    assert {one["name"] for one in json.loads(text)} == {one.name for one in left}


@pytest.mark.parametrize("value", ["\x1b[2J", "\x9b2J", "\u202egnp.x", "a\x00b"])
@pytest.mark.parametrize("env_format", EnvFormat)
def test_a_recorded_value_that_would_move_a_cursor_is_refused(value: str, env_format: EnvFormat) -> None:
    with pytest.raises(InputError, match="the value recorded for A holds what no variable can hold"):
        rendered(env_format, ("A", value))


@pytest.mark.parametrize("value", ["$(rm -rf /)", "`x`", "a'b", 'a"b', "a\\b", "a\nb", "$HOME", ""])
def test_a_shell_reads_each_value_back(value: str) -> None:
    script = f'{rendered(EnvFormat.ENV, ("A", value))}printf %s {shlex.quote("x")}"$A"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True)
    assert shown.stdout == f"x{value}"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("plain-1.0", "plain-1.0"),
        ("", ""),
        ("a b", '"a b"'),
        ('a"b', r'"a\"b"'),
        ("$A", r'"\$A"'),
        ("a\\b", r'"a\\b"'),
    ],
)
def test_a_word_of_a_containerfile_is_quoted_where_it_has_to_be(value: str, word: str) -> None:
    assert rendered(EnvFormat.DOCKERFILE, ("A", value)) == f"ENV A={word}\n"


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "A\nB", "Ä"])
def test_a_name_that_no_shell_can_set_is_refused(name: str) -> None:
    for env_format in EnvFormat:
        with pytest.raises(InputError, match="which no shell can set"):
            rendered(env_format, (name, "x"))


def test_a_value_that_no_variable_can_hold_is_refused() -> None:
    with pytest.raises(InputError, match=r"^the value recorded for A holds what no variable can hold$"):
        rendered(EnvFormat.JSON, ("A", "a\0b"))


@pytest.mark.parametrize("env_format", [EnvFormat.DOCKERFILE, EnvFormat.GITHUB])
@pytest.mark.parametrize("value", ["a\nB=c", "a\rb"])
def test_a_line_break_brings_no_further_line_into_a_format_of_lines(env_format: EnvFormat, value: str) -> None:
    with pytest.raises(InputError, match="has a line break in it, which this format cannot hold"):
        rendered(env_format, ("A", value))


def test_the_constraints_of_a_stage_are_set_for_the_installers_whose_variables_are_there() -> None:
    def names(*variables: EnvironmentVariable, path: str = "stage.txt") -> list[str]:
        config = BuildConfig("7", variables)
        text = generate_env(config, PurePosixPath("/out"), EnvFormat.JSON, build_constraint=path)
        return [one["name"] for one in json.loads(text) if one["value"] == path]

    assert names(*PIP_ENVIRONMENT) == ["PIP_BUILD_CONSTRAINT"]
    assert names(*PIP_ENVIRONMENT, *UV_ENVIRONMENT) == ["PIP_BUILD_CONSTRAINT", "UV_BUILD_CONSTRAINT"]
    with pytest.raises(InputError, match="white space"):
        names(path="the stage.txt")
