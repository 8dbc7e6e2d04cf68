"""``cachi2ish merge-sboms``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cachi2ish.cli.commands.options import OutputFile, console_for, reads, with_settings
from cachi2ish.cli.display.console import Level, report_errors, write_result
from cachi2ish.core.messages import escaped_json
from cachi2ish.core.modes import SbomKind
from cachi2ish.errors import InputError
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import path_of


@with_settings("sbom_output_type")
def merge_sboms(
    sboms: Annotated[
        list[Path],
        typer.Argument(
            parser=reads(path_of), metavar="FILE", help="Bills of materials, two or more, of either format."
        ),
    ],
    output: OutputFile = None,
    *,
    flags: Flags,
    sbom_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The name of an SPDX document. [default: that of the first FILE]"),
    ] = None,
) -> None:
    """Merge bills of materials into one: each package once, with all that is said of it."""
    console = console_for(flags)
    with report_errors(console):
        from cachi2ish.cli import wiring
        from cachi2ish.services import merge_sboms as service

        kind = flags.sbom_output_type or SbomKind.CYCLONEDX
        if sbom_name is not None and kind is not SbomKind.SPDX:
            console.report(Level.WARNING, "--sbom-name is of no effect: a document of CycloneDX has no name")
        files = wiring.files()
        if output is not None:
            files.check_result(output, service.BILL)
        done = False
        # Left behind, and not handled: an error that is being handled holds on to all that it has met.
        with suppress(MemoryError):
            merged = service.merge_sboms(sboms, kind, sbom_name, wiring.merger())
            for note in merged.notes:
                console.report(Level.WARNING, note)
            if output is None:
                write_result(escaped_json(merged.text))
            else:
                files.write_result(output, merged.text.encode(), service.BILL)
            done = True
        if not done:
            raise InputError(
                "there is not enough memory to merge these files",
                hint="merge fewer of them, or give the process more memory",
            )
