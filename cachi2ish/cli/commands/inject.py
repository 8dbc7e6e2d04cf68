"""``cachi2ish inject-files``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cachi2ish.cli.commands.options import (
    ForOutputDir,
    FromOutputDir,
    console_for,
    output_dir,
    reads,
    with_settings,
)
from cachi2ish.cli.display.console import Level, report_errors
from cachi2ish.errors import InputError
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import path_of


@with_settings()
def inject_files(
    from_output_dir: FromOutputDir,
    for_output_dir: ForOutputDir = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            "-s",
            parser=reads(path_of),
            metavar="DIR",
            help="Where the project is now. [default: where it was]",
        ),
    ] = None,
    revert: Annotated[bool, typer.Option("--revert", help="Give the files their own addresses back.")] = False,
    *,
    flags: Flags,
) -> None:
    """Rewrite the addresses in requirements files and locks to the files in a prefetched output."""
    console = console_for(flags)
    with report_errors(console):
        from cachi2ish.cli import wiring
        from cachi2ish.services import inject_files as service

        if source is not None and not source.is_dir():
            raise InputError(f"the source {source} is no directory", hint="name the project with --source")
        config = wiring.outputs().read_build_config(from_output_dir)
        rewriter_of, files = wiring.rewriters(), wiring.files()
        if revert:
            if for_output_dir is not None:
                console.report(Level.WARNING, "--for-output-dir is of no effect with --revert")
            written = service.revert_files(config, source, rewriter_of, files)
        else:
            place = output_dir(from_output_dir, for_output_dir)
            written = service.inject_files(config, source, place, rewriter_of, files)
        for path in written:
            console.report(Level.INFO, f"{'restored' if revert else 'rewrote'} {path}")
        for record in service.kept_records(written, rewriter_of, files):
            what = "password or token and all, " if record.secret else ""
            console.report(
                Level.WARNING if record.secret else Level.INFO,
                f"the addresses are kept, {what}in {record.path}: keep it out of images"
                " (**/.*.cachi2ish.json in .dockerignore); --revert removes it",
            )
        if not written:
            why = "they are as they should be" if config.project_files else "none has an address of a file"
            console.report(Level.INFO, f"no file had to be written: {why}")
