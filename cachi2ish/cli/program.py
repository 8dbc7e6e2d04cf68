"""The program as a whole: the names that it runs under, the order of its options, and the end of its help.

``ln -s cachi2ish hermeto`` is all that a drop-in needs: it is one program, which looks at the name it was called
by. No distribution installs the other names, since the real program may be in the same environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Protocol, Self

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from cachi2ish.core.messages import excerpt
from cachi2ish.exit_codes import ExitCode

#: Its own name.
PROGRAM = "cachi2ish"

#: What Hermeto is called, and what it was called before.
DROP_IN_NAMES = frozenset({"hermeto", "cachi2"})


def program_name(path: str) -> str:
    """Return the name to go by, from the path that the process was started with (``sys.argv[0]``)."""
    name = PurePath(path).name
    return name if name in DROP_IN_NAMES else PROGRAM


def program_of(context: typer.Context) -> str:
    """Return the name that a running command goes by."""
    name = context.find_root().info_name
    return name if name in DROP_IN_NAMES else PROGRAM


def is_drop_in(context: typer.Context) -> bool:
    """Return whether the program stands in for Hermeto."""
    return program_of(context) in DROP_IN_NAMES


class _Formatter(Protocol):
    """What the library lays help out with."""

    def write_paragraph(self) -> None: ...

    def write_text(self, text: str) -> None: ...


class AnyOrder(TyperGroup):
    """A group whose own options, and those of its commands, stand before the command's name or behind it.

    ``--source DIR fetch-deps pip --mode strict`` is ``--mode strict fetch-deps --source DIR pip``. An option that
    group and command both have stays where it is. Whatever follows ``--`` is no option.

    The library takes the options of a command behind its name only; without knowing which of them have a value it
    cannot find the name.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer calls its private base by a wider type
        """Parse ``args``, in the order that the library knows."""
        try:
            with _likeliest_option():
                return super().parse_args(ctx, self._ordered(ctx, args))
        except typer.BadParameter as error:
            raise _complete(error) from error.__cause__

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # as above
        """Run the command."""
        try:
            with _likeliest_option():
                return super().invoke(ctx)
        except typer.BadParameter as error:
            raise _complete(error) from error.__cause__

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]  # as above
        """Return the parameters of the group itself."""
        return [_reading_texts(one) for one in super().get_params(ctx)]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ANN401  (as above)
        """Return the command of that name, None where there is none."""
        command = super().get_command(ctx, cmd_name)
        for one in command.get_params(ctx) if command else ():
            _reading_texts(one)
        return command

    def _ordered(self, ctx: typer.Context, args: Sequence[str]) -> list[str]:
        own, below = _options(self, ctx), _options_below(self, ctx)
        words = _Words(list(args))
        command: object = self
        known: dict[str, bool] = {}  # what the command that was named last understands, itself or further below
        while words.rest and words.rest[0] != "--":
            word = words.rest[0]
            name, has_value = _split(word)
            if not word.startswith("-") or word == "-":
                if isinstance(command, TyperGroup) and (command is self or word in command.commands):
                    command = command.commands.get(word)
                    known = _understood(command, ctx)
                words.take(words.behind)
            elif command is None:  # no such command, and so neither its help nor that of the group
                words.take(words.behind)
            elif name in known:
                words.take(words.behind, value=known[name] and not has_value)
            elif name in own:
                words.take(words.before, value=own[name] and not has_value)
            elif command is self and name in below:
                words.take(words.moved, value=below[name] and not has_value)
            else:  # unknown: the library has a sentence for it, where it stands
                words.take(words.before if command is self else words.behind)
        return words.ordered()


class _Words:
    """A command line. before: options of the group. moved: options of a command that stood before its name."""

    def __init__(self, rest: list[str]) -> None:
        self.rest = rest
        self.before: list[str] = []
        self.moved: list[str] = []
        self.behind: list[str] = []

    def take(self, place: list[str], *, value: bool = False) -> None:
        """Move the first of the rest to ``place``, with the value that follows."""
        length = 2 if value else 1
        place.extend(self.rest[:length])
        del self.rest[:length]

    def ordered(self) -> list[str]:
        """Return all of them: the command's name is the first of ``behind``."""
        return [*self.before, *self.behind[:1], *self.moved, *self.behind[1:], *self.rest]


def _reading_texts(parameter: Any) -> Any:  # noqa: ANN401  (typer's class is private)
    """Return ``parameter``, which from now on reads its texts without pydantic.

    Since 0.29 typer has pydantic carry each value to the parser of its option, even where none is given, and to
    load pydantic takes a third of the start. What is neither text nor for a parser is left to typer.
    """
    descriptor = getattr(parameter, "type_descriptor", None)
    if descriptor is not None and not isinstance(vars(parameter).get("get_runtime_param"), _TextReader):
        is_text = descriptor.annotation in (str, list[str])
        parse = descriptor.parameter_info.parser or (str if is_text else None)
        parameter.get_runtime_param = _TextReader(parse, parameter.get_runtime_param)
    return parameter


class _TextReader:
    """Stands where typer asks a parameter for what reads its values. parse: None where typer knows better."""

    def __init__(self, parse: Callable[[Any], object] | None, of_typer: Callable[[], Any]) -> None:
        self.parse = parse
        self.of_typer = of_typer

    def __call__(self) -> Self:
        return self

    def coerce(self, value: Any, param: Any, ctx: typer.Context) -> object:  # noqa: ANN401  (typer's signature)
        """Return what ``value`` stands for; raises `typer.BadParameter`."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        if self.parse is None or (several and isinstance(value, str)):
            return self.of_typer().coerce(value, param=param, ctx=ctx)
        return [self.parse(one) for one in value] if several else self.parse(value)


def _understood(command: object, ctx: typer.Context) -> dict[str, bool]:
    if isinstance(command, TyperGroup):
        return _options(command, ctx) | _options_below(command, ctx)
    return _options(command, ctx) if isinstance(command, TyperCommand) else {}


def _options_below(group: TyperGroup, ctx: typer.Context) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for command in group.commands.values():
        found |= _understood(command, ctx)
    return found


def _options(command: TyperCommand | TyperGroup, ctx: typer.Context) -> dict[str, bool]:
    """Return the options of a command by name, and of each whether a value follows."""
    found = dict.fromkeys(command.get_help_option_names(ctx), False)
    for parameter in command.get_params(ctx):
        if isinstance(parameter, TyperOption):
            value = not (parameter.is_flag or parameter.count)
            found |= dict.fromkeys((*parameter.opts, *parameter.secondary_opts), value)
    return found


def _split(word: str) -> tuple[str, bool]:
    """Return the name of an option, and whether its value is in the same word."""
    if word.startswith("--"):
        name, separator, _ = word.partition("=")
        return name, bool(separator)
    return word[:2], bool(word[2:])


def _complete(error: typer.BadParameter) -> typer.BadParameter:
    """Return ``error`` with what the library has left out: the value that was given, or what is missing.

    Since 0.29 typer has pydantic read values and passes on its sentence alone. The sentence of older releases
    names the value.
    """
    from pydantic import ValidationError  # not for --help; whoever raised it has it already

    if not error.message:  # an argument is missing
        error.message = getattr(error.param, "help", None) or ""
    elif isinstance(error.__cause__, ValidationError):
        detail = error.__cause__.errors()[0]
        given = repr(excerpt(str(detail["input"])))
        if detail["type"] == "bool_parsing":
            error.message = f"{given} is neither true nor false"
        elif given not in error.message:
            error.message = f"{given}: {error.message}"
    return error


class CommandWithVerdict(TyperCommand):
    """A command whose exit status is a verdict (`VerdictCode`): 2 is one, and no matter of usage."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # as above
        """Parse ``args``."""
        with _usage_is_input():
            return super().parse_args(ctx, args)


@contextmanager
def _likeliest_option() -> Iterator[None]:
    """Let the error about an option that there is not name the one that is most like it, and no others."""
    try:
        yield
    except Exception as error:
        alike, written = getattr(error, "possibilities", None), getattr(error, "option_name", "")
        if alike:
            error.possibilities = get_close_matches(written, alike, 1, 0)  # type: ignore[attr-defined]  # as below
        raise


@contextmanager
def _usage_is_input() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if getattr(error, "exit_code", None) == ExitCode.USAGE:
            error.exit_code = ExitCode.INPUT  # type: ignore[attr-defined]  # the library's errors have one
        raise


class ProgramGroup(AnyOrder):
    """The program."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # as above
        """Parse ``args``."""
        command = next((self.commands[word] for word in args if word in self.commands), None)
        with _usage_is_input() if isinstance(command, CommandWithVerdict) else nullcontext():
            return super().parse_args(ctx, args)

    def format_epilog(self, ctx: typer.Context, formatter: _Formatter) -> None:  # type: ignore[override]  # typer's base is private
        """Write what stands at the end."""
        _write(ctx, formatter)


class CommandWithSettings(TyperCommand):
    """A command that follows settings."""

    def format_epilog(self, ctx: typer.Context, formatter: _Formatter) -> None:  # type: ignore[override]  # as above
        """Write what stands at the end."""
        _write(ctx, formatter)


def _write(context: typer.Context, formatter: _Formatter) -> None:
    if not is_drop_in(context):
        return
    from cachi2ish.settings.hermeto_sources import KEYS, variable

    settings = (
        f"{program_of(context)} is cachi2ish here. Of Hermeto's settings it follows, the stronger ones first:"
        " options; the variables below; the file of --config-file, in YAML unless its name ends in .toml; and"
        " ~/.config/hermeto/config.yaml."
    )
    for text in (settings, f"{', '.join(variable(key) for key in KEYS)}."):
        formatter.write_paragraph()
        formatter.write_text(text)
