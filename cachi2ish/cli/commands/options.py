"""Options: one for each setting that a command follows, and those that several commands share."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, Signature, signature
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

import typer

from cachi2ish.cli.display.console import Console, Level, standard_error
from cachi2ish.cli.program import is_drop_in
from cachi2ish.core.messages import did_you_mean, excerpt
from cachi2ish.settings.flags import SETTINGS, Flags, LogLevel, option_of
from cachi2ish.settings.values import OWN_VARIABLES, InvalidValueError, path_in_build, path_of, variable_of

_Value = TypeVar("_Value")

#: The option that every command has.
_LEVEL = "log_level"

#: What Kubernetes sets in all Pods of a namespace for a Service that is called cachi2ish, or cachi2ish-….
_OF_A_SERVICE = "CACHI2ISH(_.*)?(_SERVICE_HOST|_SERVICE_PORT(_.*)?|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_.*)?)?)"


def reads(parse: Callable[[Any], _Value]) -> Callable[[Any], _Value]:
    """Return ``parse`` as the parser of an option: a bad value is a matter of usage (exit status 2)."""

    def read(text: str) -> _Value:
        try:
            return parse(text)
        except InvalidValueError as error:
            raise typer.BadParameter("; ".join(filter(None, (str(error), error.hint)))) from None

    return read


FromOutputDir = Annotated[
    Path, typer.Argument(parser=reads(path_of), metavar="OUTPUT_DIR", help="The output directory of fetch-deps.")
]

ForOutputDir = Annotated[
    str | None,
    typer.Option(
        parser=reads(path_in_build),
        metavar="DIR",
        help="Where the build will see it. [default: OUTPUT_DIR, as an absolute path]",
    ),
]

#: ``-r``, as pip has it.
RequirementFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--requirement",
        "-r",
        metavar="FILE",
        help="A requirements file in the source, as for pip, instead of INPUT. May be repeated.",
    ),
]

#: Where the project is that a command reads.
SourceDir = Annotated[
    Path,
    typer.Option("--source", "-s", parser=reads(path_of), metavar="DIR", help="The project; it is only read."),
]


def _file_or_standard_output(text: str | Path) -> Path | None:
    path = path_of(text)
    return None if path == Path("-") else path


OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        parser=reads(_file_or_standard_output),
        metavar="FILE",
        help="The file to write. [default: standard output, as -]",
    ),
]

#: Options of Hermeto's fetch-deps that concern other package managers, or nothing any more.
ForeignFlags = Annotated[
    bool,
    typer.Option(
        "--dev-package-managers",
        "--cgo-disable",
        "--force-gomod-tidy",
        "--gomod-vendor",
        "--gomod-vendor-check",
        hidden=True,
    ),
]


def output_dir(from_output_dir: Path, for_output_dir: str | None) -> PurePosixPath:
    """Return where the build will see the output directory, as an absolute path."""
    return PurePosixPath(Path(for_output_dir or from_output_dir).absolute())


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each setting of ``names``, in the place of its ``flags``, and ``--log-level``.

    typer makes an option of each parameter of a function. What it gets here is a function with the parameters of
    the command, but for ``flags``, which is filled with the values of those options::

        @with_settings("cache_dir")
        def path(*, flags: Flags) -> None: ...
    """
    options = [_option(name, variable=not SETTINGS[name].any_command) for name in names if name != _LEVEL]
    return lambda command: _with_options(
        command, options, [_option(_LEVEL, variable=False)], _warn_of_unknown_variables
    )


def with_program_settings(program: Callable[..., None]) -> Callable[..., None]:
    """Give the program the options that stand before every command's name.

    Their variables are read there: so they are weaker than an option, wherever it stands.
    """
    names = [name for name, setting in SETTINGS.items() if setting.any_command]
    return _with_options(program, [_option(name, variable=True) for name in names], [], lambda _flags: None)


def _with_options(
    command: Callable[..., None],
    options: Sequence[Parameter],
    last: Sequence[Parameter],
    before: Callable[[Flags], None],
) -> Callable[..., None]:
    own = signature(command, eval_str=True).parameters

    @functools.wraps(command)
    def run(context: typer.Context, **values: object) -> None:
        chosen = {option.name: values.pop(option.name) for option in (*options, *last)}
        if "context" in own:
            values["context"] = context
        _refuse_empty_variables(context, chosen)
        flags = _flags(context, chosen)
        before(flags)
        command(flags=flags, **values)

    parameters = [Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for name, parameter in own.items():
        if name == "flags":
            parameters += options
        elif name != "context":
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
    parameters += last
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # inspect, which typer asks, looks here
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _option(name: str, *, variable: bool) -> Parameter:
    setting, key = SETTINGS[name], option_of(name)
    option = typer.Option(
        f"--{key}/--no-{key}" if setting.negatable else f"--{key}",
        parser=reads(setting.parse) if setting.metavar else None,
        metavar=setting.metavar or None,
        envvar=variable_of(name) if setting.variable and variable else None,
        help=setting.help,
    )
    kind: Any = (list[str] if setting.repeatable else str) if setting.metavar else bool
    return Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=None if setting.metavar or setting.negatable else False,
        annotation=Annotated[kind | None, option],
    )


def _flags(context: typer.Context, options: Mapping[str, object]) -> Flags:
    """Return the values of all options: one behind the command's name is stronger than one before it."""
    before = context.obj if isinstance(context.obj, Flags) else Flags()
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in options.items()
        if value is not None
    }
    return before.replaced(drop_in=is_drop_in(context), **given)


def _refuse_empty_variables(context: typer.Context, options: Iterable[str]) -> None:
    """Raise `typer.BadParameter` for an empty variable without which less would be checked; an option is stronger.

    typer takes an empty variable for none.
    """
    for name in options:
        variable = variable_of(name)
        source = context.get_parameter_source(name)
        on_command_line = source is not None and source.name == "COMMANDLINE"
        if SETTINGS[name].never_empty and not on_command_line and not os.environ.get(variable, "-").strip():
            raise typer.BadParameter("it is empty; unset it for none", context, param_hint=variable)


def _warn_of_unknown_variables(flags: Flags) -> None:
    """Name variables that begin as ours do and mean nothing: somebody believes that they do."""
    known = {variable_of(name).removeprefix(OWN_VARIABLES): one for name, one in SETTINGS.items()}
    for variable in sorted(name for name in os.environ if name.startswith(OWN_VARIABLES)):
        name = variable.removeprefix(OWN_VARIABLES)
        setting = known.get(name)
        if setting is None and not re.fullmatch(_OF_A_SERVICE, variable):
            with_variable = [one for one, its in known.items() if its.variable]
            hint = did_you_mean(name, with_variable, "the reference lists all", begin=OWN_VARIABLES)
        elif setting is not None and not setting.variable:
            hint = f"there is an option for it alone: --{option_of(name.lower())}"
        else:
            continue
        console_for(flags).report(Level.WARNING, f"unknown variable {excerpt(variable)}: {hint}")


def written_options(context: typer.Context, *names: str) -> tuple[str, ...]:
    """Return the options of these settings that stand on the command line, and not in the environment."""
    sources = {name: context.get_parameter_source(name) for name in names}
    return tuple(f"--{option_of(name)}" for name, one in sources.items() if one and one.name == "COMMANDLINE")


def console_for(flags: Flags) -> Console:
    """Return the console for a command."""
    return standard_error(Level[(flags.log_level or LogLevel.INFO).name])


def tools_in(texts: Iterable[str], console: Console) -> frozenset[str]:
    """Return the programs that ``--tools`` names, and warn of those that are misspelled: they change nothing."""
    from cachi2ish.build.interface import TOOLS

    names = frozenset(" ".join(texts).replace(",", " ").split())
    for name in sorted(names - TOOLS):
        if meant := did_you_mean(name, TOOLS):
            console.report(Level.WARNING, f"--tools names {excerpt(name)!r}: {meant}")
    return names
