"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from cachi2ish.cli.console import Console, Level, standard_error


class LogLevelName(StrEnum):
    """The choices of ``--log-level``."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    UNSET = ""


def _level(text: str | LogLevelName) -> LogLevelName:
    if isinstance(text, LogLevelName):
        return text
    try:
        return LogLevelName(text.lower())
    except ValueError:
        choices = ", ".join(name.value for name in LogLevelName if name.value)
        raise typer.BadParameter(f"{text!r} is not one of {choices}") from None


LogLevel = Annotated[
    LogLevelName,
    typer.Option(
        "--log-level",
        parser=_level,
        metavar="LEVEL",
        envvar="CACHI2ISH_LOG_LEVEL",
        show_default="info",
        help="How much to tell: debug, info, warning or error.",
    ),
]


def path_of(text: str | Path) -> Path:
    """Return the path that was given; a tilde that the shell left as it is stands for the home directory."""
    if not str(text):
        raise typer.BadParameter("it is empty; is a variable not set?")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise typer.BadParameter(f"{text}: {error}") from None


FromOutputDir = Annotated[
    Path, typer.Argument(parser=path_of, metavar="OUTPUT_DIR", help="The output directory of fetch-deps.")
]

ForOutputDir = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Where the build will see it. [default: OUTPUT_DIR, as an absolute path]"),
]


def output_dir(from_output_dir: Path, for_output_dir: str | None) -> PurePosixPath:
    """Return where the build will see the output directory, as an absolute path."""
    return PurePosixPath(Path(for_output_dir or from_output_dir).absolute())


def remember_level(context: typer.Context, level: LogLevelName) -> None:
    """Keep the level that stood before the command's name."""
    context.obj = level


def console_for(context: typer.Context, level: LogLevelName) -> Console:
    """Return the console for a command; a level behind its name is stronger than one before it."""
    before = context.obj if isinstance(context.obj, LogLevelName) else LogLevelName.UNSET
    chosen = next((name for name in (level, before) if name is not LogLevelName.UNSET), LogLevelName.INFO)
    return standard_error(Level[chosen.name])
