"""``generate-env``: the variables of an output directory, in the form that the build's shell or tool reads."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from cachi2ish.core.modes import EnvFormat
from cachi2ish.core.outputs import (
    OTHER_TOOLS_ENVIRONMENT,
    OUTPUT_DIR,
    PIP_ENVIRONMENT,
    UV_ENVIRONMENT,
    BuildConfig,
    EnvironmentVariable,
)
from cachi2ish.errors import InputError, UsageError
from cachi2ish.files.foreign import names_a_stream
from cachi2ish.files.interface import ResultKind
from cachi2ish.files.user_files import is_system_text

#: POSIX 1003.1, 8.1.
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")

#: What means itself in an ENV instruction.
_PLAIN = re.compile(r"[\w%+,./:=@-]*", re.ASCII)
#: What would not, between double quotes: the escape character, the quote, and the beginning of a variable.
_SPECIAL = re.compile(r'[\\"$]')


#: What a shell or a Containerfile reads, line by line; a Containerfile of one's own begins with FROM or ARG.
_LINES = re.compile(rb"(?:#!/bin/sh\n)?(?:(?:export|ENV) \w+=.*(?:\n|\Z))*")
_NAMES = re.compile(rb'^(?:export|ENV) (\w+)=|"name": "(\w+)"', re.MULTILINE)

_CONSTRAINTS = ("PIP_BUILD_CONSTRAINT", "UV_BUILD_CONSTRAINT")


def environment_file(config: BuildConfig) -> ResultKind:
    """Return what ``generate-env`` writes for an output: one with other variables may be somebody's own work."""
    ours = {one.name for one in (*PIP_ENVIRONMENT, *OTHER_TOOLS_ENVIRONMENT, *config.environment_variables)}
    ours.update(_CONSTRAINTS)

    def is_own(beginning: bytes) -> bool:
        names = {(one[1] or one[2]).decode() for one in _NAMES.finditer(beginning)}
        written = _LINES.fullmatch(beginning) or beginning.startswith((b'[{"name": "', b"[]"))
        return bool(written) and names <= ours

    return ResultKind("environment file", is_own)


def format_of(output: Path | None) -> EnvFormat:
    """Return the format that a file's suffix asks for; JSON for standard output, and for a stream by its name.

    Raises `UsageError` for a directory, and for a suffix that no format has: whoever reads the file would get what
    it cannot read.
    """
    if output is None:
        return EnvFormat.JSON
    suffix = output.name.rpartition(".")[2] if "." in output.name else ""  # of ".env", too
    known = {one.value: one for one in EnvFormat}
    if output.is_dir():
        raise UsageError(f"{output} is a directory", hint=f"name a file, such as {output / 'cachi2ish.env'}")
    if suffix in known:
        return known[suffix]
    if not names_a_stream(output):
        ends = f"ends in .{suffix}" if suffix else "has no suffix"
        raise UsageError(
            f"{output} {ends}, which does not say in which format to write",
            hint=f"name it *{', *'.join(f'.{value}' for value in known)}, or choose with --format",
        )
    return EnvFormat.JSON


def generate_env(
    config: BuildConfig,
    output_dir: PurePosixPath,
    env_format: EnvFormat,
    *,
    uv: bool | None = None,
    build_constraint: str | None = None,
) -> str:
    """Return the variables of ``config`` as text, for a build that sees the output at ``output_dir``.

    uv: whether those of uv and PDM are among them; None where that is as recorded. They are for an output from
    which pip installs; of other tools' variables none is added or left out.
    build_constraint: the path, in the build, of a file
    with constraints for what is built, as ``lock-build-deps --as-of-upload`` writes it.
    Raises `InputError` for one that is no variable, or none in this format.
    """
    chosen = _chosen(config.environment_variables, uv=uv)
    if build_constraint is not None:
        chosen = tuple(sorted({*chosen, *_constrained(build_constraint, chosen)}))
    for variable in chosen:
        _check(variable)
    variables = [EnvironmentVariable(variable.name, _resolve(variable, output_dir)) for variable in chosen]
    if env_format in _ONE_LINE_EACH:
        _check_lines(variables)
    return _RENDERERS[env_format](variables)


#: What moves a terminal's cursor (ECMA-48), marks of direction too. Line feeds and tabs are for a format to judge.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _chosen(recorded: tuple[EnvironmentVariable, ...], *, uv: bool | None) -> tuple[EnvironmentVariable, ...]:
    if uv is None:
        return recorded
    others = tuple(variable for variable in recorded if variable not in OTHER_TOOLS_ENVIRONMENT)
    if uv and set(PIP_ENVIRONMENT) <= set(others):
        return tuple(sorted({*others, *OTHER_TOOLS_ENVIRONMENT}))
    return others


def _constrained(path: str, chosen: tuple[EnvironmentVariable, ...]) -> Iterator[EnvironmentVariable]:
    if any(character.isspace() for character in path):  # where pip and uv split the variable
        raise InputError(
            f"the path {path!r} has white space in it, at which pip splits the variable",
            hint="give the file of constraints another name",
        )
    for_pip, for_uv = _CONSTRAINTS
    yield EnvironmentVariable(for_pip, path)
    if any(variable in UV_ENVIRONMENT for variable in chosen):
        yield EnvironmentVariable(for_uv, path)


def _check(variable: EnvironmentVariable) -> None:
    # Else the file that a shell sources could hold commands: the record may have come from anywhere.
    if not _NAME.fullmatch(variable.name):
        raise InputError(
            f"{variable.name!r} is recorded as a variable, which no shell can set",
            hint="run fetch-deps again to write the output anew",
        )
    if not is_system_text(variable.value) or _CONTROL.search(variable.value):
        raise InputError(
            f"the value recorded for {variable.name} holds what no variable can hold",
            hint="run fetch-deps again to write the output anew",
        )


def _check_lines(variables: list[EnvironmentVariable]) -> None:
    # Else one value could bring in a whole instruction, or another variable.
    broken = next((one.name for one in variables if "\n" in one.value or "\r" in one.value), None)
    if broken:
        raise InputError(
            f"the value of {broken} has a line break in it, which this format cannot hold",
            hint="use another --format, or another place for the output",
        )


def _resolve(variable: EnvironmentVariable, output_dir: PurePosixPath) -> str:
    if variable.value.startswith("file://"):
        return variable.value.replace(OUTPUT_DIR, quote(os.fsencode(str(output_dir))))
    value = variable.value.replace(OUTPUT_DIR, str(output_dir))
    # pip splits the variable at white space; in a file URL there is none.
    of_ours = variable.name == "PIP_FIND_LINKS" and variable.value.startswith(OUTPUT_DIR)
    if of_ours and any(character.isspace() for character in value):
        return PurePosixPath(value).as_uri()
    return value


def _env(variables: list[EnvironmentVariable]) -> str:
    return "".join(f"export {variable.name}={shlex.quote(variable.value)}\n" for variable in variables)


def _sh(variables: list[EnvironmentVariable]) -> str:
    return f"#!/bin/sh\n{_env(variables)}"


def _json(variables: list[EnvironmentVariable]) -> str:
    return f"{json.dumps([{'name': one.name, 'value': one.value} for one in variables])}\n"


def _dockerfile(variables: list[EnvironmentVariable]) -> str:
    return "".join(f"ENV {variable.name}={_dockerfile_word(variable.value)}\n" for variable in variables)


def _dockerfile_word(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = _SPECIAL.sub(lambda found: f"\\{found[0]}", value)
    return f'"{escaped}"'


def _github(variables: list[EnvironmentVariable]) -> str:
    return "".join(f"{variable.name}={variable.value}\n" for variable in variables)


_ONE_LINE_EACH = (EnvFormat.DOCKERFILE, EnvFormat.GITHUB)

_RENDERERS: Mapping[EnvFormat, Callable[[list[EnvironmentVariable]], str]] = {
    EnvFormat.ENV: _env,
    EnvFormat.SH: _sh,
    EnvFormat.JSON: _json,
    EnvFormat.DOCKERFILE: _dockerfile,
    EnvFormat.GITHUB: _github,
}
