"""``cachi2ish generate-env``."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from cachi2ish.cli.console import errors_told
from cachi2ish.cli.options import LogLevel, LogLevelName, console_for
from cachi2ish.services.generate_env import EnvFormat


def generate_env(
    context: typer.Context,
    from_output_dir: Annotated[
        Path, typer.Argument(metavar="OUTPUT_DIR", help="The output directory of fetch-deps.")
    ],
    for_output_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Where the build will see it. [default: OUTPUT_DIR, as an absolute path]"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write. [default: standard output]"),
    ] = None,
    env_format: Annotated[
        EnvFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="env and sh are for a shell to source. [default: by the suffix of FILE, else json]",
        ),
    ] = None,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Write the environment variables that make pip install from a prefetched output only."""
    with errors_told(console_for(context, log_level)):
        from cachi2ish.cli.wiring import files, outputs
        from cachi2ish.services.generate_env import format_of
        from cachi2ish.services.generate_env import generate_env as generate

        config = outputs().read_build_config(from_output_dir)
        text = generate(config, output_dir(from_output_dir, for_output_dir), env_format or format_of(output))
        if output is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            files().replace(output, text.encode("utf-8", "surrogateescape"))


def output_dir(from_output_dir: Path, for_output_dir: str | None) -> PurePosixPath:
    """Return where the build will see the output directory, as an absolute path."""
    return PurePosixPath(Path(for_output_dir or from_output_dir).absolute())
