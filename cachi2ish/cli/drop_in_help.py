"""What ``--help`` adds under Hermeto's names: its settings, which are followed as well."""

from __future__ import annotations

from typing import Protocol

import typer
from typer.core import TyperCommand

from cachi2ish.cli.any_order import AnyOrder
from cachi2ish.cli.hermeto_config import KEYS, variable
from cachi2ish.cli.program import is_drop_in, program_of


class _Formatter(Protocol):
    """What the library lays help out with."""

    def write_paragraph(self) -> None: ...

    def write_text(self, text: str) -> None: ...


class ProgramGroup(AnyOrder):
    """The program."""

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
    settings = (
        f"{program_of(context)} is cachi2ish here. Of Hermeto's settings it follows, the stronger ones first:"
        " options; the variables below; the file of --config-file, in YAML unless its name ends in .toml; and"
        " ~/.config/hermeto/config.yaml."
    )
    for text in (settings, f"{', '.join(variable(key) for key in KEYS)}."):
        formatter.write_paragraph()
        formatter.write_text(text)
