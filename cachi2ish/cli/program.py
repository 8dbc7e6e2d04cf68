"""The names under which this program runs: its own, and those of the program that it can stand in for.

``ln -s cachi2ish hermeto`` is all that a drop-in needs: it is one program, which looks at the name it was called
by. No distribution installs the other names, since the real program may be in the same environment.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Protocol

import typer
from typer.core import TyperCommand

from cachi2ish.cli.any_order import AnyOrder
from cachi2ish.settings.hermeto_sources import KEYS, variable

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
