"""``cachi2ish serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cachi2ish.cli.commands.options import FromOutputDir, console_for, reads, with_settings
from cachi2ish.cli.display.console import report_errors
from cachi2ish.errors import InputError
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import path_of, whole_number


@with_settings()
def serve(
    from_output_dir: FromOutputDir,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND",
            help="What to run with this index, behind --; its exit status is that of serve.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            parser=reads(whole_number(0, 65535)),
            metavar="N",
            help="The port to listen on. [default: any that is free]",
        ),
    ] = None,
    constraint: Annotated[
        list[Path] | None,
        typer.Option(
            "--constraint",
            "-c",
            parser=reads(path_of),
            metavar="FILE",
            help="Serve only versions that FILE allows, such as a stage of lock-build-deps. May be repeated.",
        ),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Serve a prefetched output as a package index to this machine, around one command or until it is ended.

    The environment of COMMAND names the index to pip, uv, PDM, pipenv and Poetry. Needs cachi2ish[mirror].
    """
    console = console_for(flags)
    with report_errors(console):
        try:
            from cachi2ish.cli.wiring_serve import serve_output
        except ModuleNotFoundError as error:
            raise InputError(
                f"serve needs {error.name}, which is not installed",
                hint="install cachi2ish[mirror], or from a clone: make install WITH=mirror; what reads file: URLs"
                " needs no server: deps/simple in the output is an index",
            ) from None
        status = serve_output(from_output_dir, command or (), port or 0, constraint or (), console)
    raise typer.Exit(status)
