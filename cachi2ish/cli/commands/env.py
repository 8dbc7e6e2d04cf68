"""``cachi2ish generate-env``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from cachi2ish.cli.commands.options import (
    ForOutputDir,
    FromOutputDir,
    OutputFile,
    console_for,
    output_dir,
    reads,
    with_settings,
)
from cachi2ish.cli.display.console import report_errors, write_result
from cachi2ish.core.modes import EnvFormat
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import metavar, one_of, path_in_build


@with_settings()
def generate_env(
    from_output_dir: FromOutputDir,
    for_output_dir: ForOutputDir = None,
    output: OutputFile = None,
    env_format: Annotated[
        EnvFormat | None,
        typer.Option(
            "--format",
            "-f",
            parser=reads(one_of(EnvFormat)),
            metavar=metavar(EnvFormat),
            help="env and sh are for a shell to source, dockerfile has ENV lines, and github appends to FILE, "
            "which $GITHUB_ENV names. [default: by the suffix of FILE; json for standard output]",
        ),
    ] = None,
    uv: Annotated[
        bool | None,
        typer.Option(
            "--uv/--no-uv",
            help="Set uv's and PDM's variables too, or pip's alone. "
            "[default: as fetch-deps has it; hermeto: pip's alone]",
        ),
    ] = None,
    build_constraint: Annotated[
        str | None,
        typer.Option(
            parser=reads(path_in_build),
            metavar="FILE",
            help="Set PIP_BUILD_CONSTRAINT (and UV_BUILD_CONSTRAINT) too, for a stage of lock-build-deps: a file"
            " of the output, or the path of another one in the build.",
        ),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Write the environment variables that make pip and uv install from a prefetched output only."""
    with report_errors(console_for(flags)):
        from cachi2ish.cli.wiring import files, outputs
        from cachi2ish.services.generate_env import environment_file, format_of
        from cachi2ish.services.generate_env import generate_env as generate

        chosen = env_format or format_of(output)
        config = outputs().read_build_config(from_output_dir)
        # Under another tool's name a build gets what that tool sets, whoever has fetched the output.
        wanted = False if uv is None and flags.drop_in else uv
        place = output_dir(from_output_dir, for_output_dir)
        text = generate(
            config,
            place,
            chosen,
            uv=wanted,
            build_constraint=build_constraint and _in_build(build_constraint, from_output_dir, place),
        )
        if output is None:
            write_result(text)
        elif chosen is EnvFormat.GITHUB:  # earlier lines of the file are somebody else's
            files().append(output, text.encode("utf-8", "surrogateescape"))
        else:
            files().write_result(output, text.encode("utf-8", "surrogateescape"), environment_file(config))


def _in_build(path: str, output: Path, place: PurePosixPath) -> str:
    """Return where the build sees a file: one of the output is below ``place``."""
    file = Path(path).absolute()
    if file.is_file() and file.is_relative_to(output.absolute()):
        return str(place / file.relative_to(output.absolute()))
    return path
