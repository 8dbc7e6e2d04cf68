"""Options before the command's name: a person and a wrapper script put them where they like."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption


class AnyOrder(TyperGroup):
    """A group whose commands' options may also stand before the command's name.

    ``--source DIR fetch-deps pip`` is ``fetch-deps --source DIR pip``. Options of the group stay where they are.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer calls its private base by a wider type
        """Parse ``args``, in the order that the library knows."""
        return super().parse_args(ctx, self._ordered(ctx, args))

    def _ordered(self, ctx: typer.Context, args: Sequence[str]) -> list[str]:
        own = _options(self, ctx)
        theirs: dict[str, bool] = {}
        for command in self.commands.values():
            if isinstance(command, TyperCommand):
                theirs |= _options(command, ctx)
        kept: list[str] = []
        moved: list[str] = []
        rest = list(args)
        while rest and rest[0].startswith("-"):
            name, value = _split(rest[0])
            takes_value = {**theirs, **own}.get(name)
            if takes_value is None:
                return list(args)  # unknown: the library has a sentence for it
            length = 2 if takes_value and not value else 1
            (kept if name in own else moved).extend(rest[:length])
            rest = rest[length:]
        return [*kept, *rest[:1], *moved, *rest[1:]] if rest else list(args)


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
