"""Arguments and options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from cachi2ish.cli.commands.option_values import metavar, one_of, path_of, place
from cachi2ish.cli.display.console import Console, Level, standard_error
from cachi2ish.core.inventory import Mode, SbomKind


class LogLevelName(StrEnum):
    """The choices of ``--log-level``."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    UNSET = ""


#: What other programs call these levels. An error is told at every level.
_SYNONYMS = {
    "trace": LogLevelName.DEBUG,
    "warn": LogLevelName.WARNING,
    **dict.fromkeys(("critical", "fatal", "panic"), LogLevelName.ERROR),
}

_level = one_of(LogLevelName, _SYNONYMS)
_mode = one_of(Mode)


_LEVEL_HELP = "How much to tell: debug, info, warning or error. [default: info]"
_MODE_HELP = "strict, or permissive: some problems become warnings that the SBOM records. [default: strict]"
_CONFIG_HELP = (
    "Settings in TOML, or in YAML as Hermeto reads them (*.yaml, *.yml)."
    " [default: cachi2ish/config.toml in the user's configuration directory]"
)

# Each of these stands before the command's name or behind it. Their variables are read where they stand before
# it, so that a variable is weaker than either.
LogLevel = Annotated[
    LogLevelName,
    typer.Option("--log-level", parser=_level, metavar="LEVEL", show_default=False, help=_LEVEL_HELP),
]
SbomOutputType = Annotated[
    SbomKind | None,
    typer.Option(
        parser=one_of(SbomKind),
        metavar=metavar(SbomKind),
        envvar="CACHI2ISH_SBOM_OUTPUT_TYPE",
        help="The format of the bill of materials: CycloneDX 1.6 or SPDX 2.3. [default: cyclonedx]",
    ),
]
ModeOption = Annotated[Mode | None, typer.Option("--mode", parser=_mode, metavar="MODE", help=_MODE_HELP)]


FromOutputDir = Annotated[
    Path, typer.Argument(parser=path_of, metavar="OUTPUT_DIR", help="The output directory of fetch-deps.")
]

ForOutputDir = Annotated[
    str | None,
    typer.Option(
        parser=place,
        metavar="DIR",
        help="Where the build will see it. [default: OUTPUT_DIR, as an absolute path]",
    ),
]


def output_dir(from_output_dir: Path, for_output_dir: str | None) -> PurePosixPath:
    """Return where the build will see the output directory, as an absolute path."""
    return PurePosixPath(Path(for_output_dir or from_output_dir).absolute())


CacheDirOption = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        parser=path_of,
        metavar="DIR",
        envvar="CACHI2ISH_CACHE_DIR",
        help="The shared cache. [default: the user's cache directory]",
    ),
]
ConfigFileOption = Annotated[
    Path | None, typer.Option("--config-file", parser=path_of, metavar="FILE", help=_CONFIG_HELP)
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

LogLevelBefore = Annotated[
    LogLevelName,
    typer.Option(
        "--log-level",
        parser=_level,
        metavar="LEVEL",
        envvar="CACHI2ISH_LOG_LEVEL",
        show_default=False,
        help=_LEVEL_HELP,
    ),
]
ModeBefore = Annotated[
    Mode | None, typer.Option("--mode", parser=_mode, metavar="MODE", envvar="CACHI2ISH_MODE", help=_MODE_HELP)
]
ConfigFileBefore = Annotated[
    Path | None,
    typer.Option(
        "--config-file", parser=path_of, metavar="FILE", envvar="CACHI2ISH_CONFIG_FILE", help=_CONFIG_HELP
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What was said before the command's name, or in a variable."""

    level: LogLevelName = LogLevelName.UNSET
    mode: Mode | None = None
    config_file: Path | None = None


def said_before(context: typer.Context) -> Common:
    """Return what stood before the name of the running command."""
    return context.obj if isinstance(context.obj, Common) else Common()


def console_for(context: typer.Context, level: LogLevelName) -> Console:
    """Return the console for a command; a level behind its name is stronger than one before it."""
    before = said_before(context).level
    chosen = next((name for name in (level, before) if name is not LogLevelName.UNSET), LogLevelName.INFO)
    return standard_error(Level[chosen.name])
