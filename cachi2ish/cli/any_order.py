"""Options stand where a person or a wrapper script puts them: before the command's name, or behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from cachi2ish.core.messages import excerpt


class AnyOrder(TyperGroup):
    """A group whose own options, and those of its commands, stand before the command's name or behind it.

    ``--source DIR fetch-deps pip --mode strict`` is ``--mode strict fetch-deps --source DIR pip``. An option that
    group and command both have stays where it is. Whatever follows ``--`` is no option.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer calls its private base by a wider type
        """Parse ``args``, in the order that the library knows."""
        try:
            return super().parse_args(ctx, self._ordered(ctx, args))
        except typer.BadParameter as error:
            raise _told_whole(error) from error.__cause__

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # as above
        """Run the command."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            raise _told_whole(error) from error.__cause__

    def _ordered(self, ctx: typer.Context, args: Sequence[str]) -> list[str]:
        own, below = _options(self, ctx), _options_below(self, ctx)
        words = _Words(list(args))
        command: object = self
        theirs: dict[str, bool] = {}  # what the command that was named last understands, itself or further below
        while words.rest and words.rest[0] != "--":
            word = words.rest[0]
            name, has_value = _split(word)
            if not word.startswith("-") or word == "-":
                if isinstance(command, TyperGroup) and (command is self or word in command.commands):
                    command = command.commands.get(word)
                    theirs = _understood(command, ctx)
                words.take(words.behind)
            elif name in theirs:
                words.take(words.behind, value=theirs[name] and not has_value)
            elif name in own:
                words.take(words.before, value=own[name] and not has_value)
            elif command is self and name in below:
                words.take(words.moved, value=below[name] and not has_value)
            else:  # unknown: the library has a sentence for it, where it stands
                words.take(words.before if command is self else words.behind)
        return words.ordered()


@dataclass(slots=True)
class _Words:
    """A command line. before: options of the group. moved: options of a command that stood before its name."""

    rest: list[str]
    before: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)

    def take(self, place: list[str], *, value: bool = False) -> None:
        """Move the first of the rest to ``place``, with the value that follows."""
        length = 2 if value else 1
        place.extend(self.rest[:length])
        del self.rest[:length]

    def ordered(self) -> list[str]:
        """Return all of them: the command's name is the first of ``behind``."""
        return [*self.before, *self.behind[:1], *self.moved, *self.behind[1:], *self.rest]


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


def _told_whole(error: typer.BadParameter) -> typer.BadParameter:
    """Return ``error`` with what the library has left out: the value that was given, or what is missing.

    Since 0.29 typer has pydantic read values and passes on its sentence alone. What the older ones of our lower
    bound say of a value, in the words of click, names it.
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
