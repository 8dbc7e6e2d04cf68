"""``cachi2ish fetch-deps``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachi2ish.cli.commands.options import (
    ForeignFlags,
    RequirementFiles,
    SourceDir,
    console_for,
    reads,
    with_settings,
)
from cachi2ish.cli.display.console import Console, FailureNote, Level, report_errors, write_result
from cachi2ish.cli.program import program_of
from cachi2ish.settings.flags import RUN_SETTINGS, Flags
from cachi2ish.settings.values import path_of

if TYPE_CHECKING:
    from cachi2ish.proof.interface import Proof
    from cachi2ish.services.fetch.input.package_input import RequestInput


def _one_of_both(context: typer.Context, package_input: str | None, requirements: list[str] | None) -> None:
    """End with a matter of usage unless exactly one of the two says what to prefetch."""
    if context.args:
        unquoted = (package_input or "").startswith(("{", "["))
        hint = "; put JSON between single quotes, so that the shell takes it for one word" if unquoted else ""
        context.fail(f"Got unexpected extra argument(s) ({' '.join(context.args)}){hint}")
    if package_input is None and not requirements:
        context.fail("Missing argument 'INPUT', or -r and a requirements file.")
    if package_input is not None and requirements:
        context.fail(
            "-r and INPUT both say what to prefetch: give one of them. In JSON, files are named by"
            ' "requirements_files".'
        )


def _not_without_writing(context: typer.Context, flags: Flags, *, verify: bool, export: Path | None) -> None:
    """End with a matter of usage where a dry run is to do what needs something written."""
    if verify and flags.dry_run:
        context.fail("--verify looks at an output, and --dry-run writes none: leave one of them out.")
    if export is not None and flags.dry_run:
        context.fail("--export writes a file, and --dry-run writes none: leave one of them out.")


@contextmanager
def _proof_at_end(console: Console) -> Iterator[list[Proof]]:
    """Report the proof that the block appends, when all else has been reported."""
    proofs: list[Proof] = []
    try:
        yield proofs
    finally:
        for proof in proofs:
            from cachi2ish.cli.commands.verify_command import proof_lines

            for line in proof_lines(proof, sys.stderr):
                console.write_line(line)


def _refuse_without_targets(request: RequestInput) -> None:
    from cachi2ish.services.verify import refuse_without_targets

    refuse_without_targets(request)


def _check_export(export: Path | None, request: RequestInput, output: Path) -> None:
    if export is not None:
        from cachi2ish.services.exporting import check_export

        check_export(export, request, output)


def _verify(output: Path, proofs: list[Proof]) -> None:
    from cachi2ish.cli import wiring
    from cachi2ish.services import verify as service

    proof = service.verify(output, (), frozenset(), wiring.outputs(), wiring.prover())
    proofs.append(proof)
    service.refuse_unproved(proof, output)


@with_settings(*RUN_SETTINGS)
def fetch_deps(
    context: typer.Context,
    package_input: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help="""What to prefetch: pip, a JSON object such as '{"type": "pip"}', a JSON list of them,"""
            """ '{"packages": [...]}', the path of a file that holds one of these, or a requirements file""",
            show_default=False,
        ),
    ] = None,
    requirement: RequirementFiles = None,
    source: SourceDir = Path(),
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=reads(path_of),
            metavar="DIR",
            help="Where the result goes, as a whole. [default: cachi2ish-output, hermeto: hermeto-output]",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            parser=reads(path_of),
            metavar="FILE",
            help="Write what the lock file asks for as a requirements file with digests, too.",
        ),
    ] = None,
    allow_empty: Annotated[
        bool,
        typer.Option(
            "--allow-empty",
            help="Take an input without packages, and put an output without files in the place of another.",
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="At the end, prove that the output is enough on the targets of the input."),
    ] = False,
    *,
    flags: Flags,
    foreign_flags: ForeignFlags = False,
) -> None:
    """Fetch everything that the pinned requirements of a project need, verified, into one directory."""
    _one_of_both(context, package_input, requirement)
    _not_without_writing(context, flags, verify=verify, export=export)
    console = console_for(flags)
    output = output or Path(f"{program_of(context)}-output")
    if foreign_flags:
        console.report(Level.DEBUG, "flags of other package managers are accepted, and of no effect")
    note = FailureNote(output=output, dry_run=flags.dry_run)
    all_errors = f"{flags.report} has all" if flags.report else "--report FILE writes all"
    with report_errors(console, note.text, all_errors):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.display.reporting import reporter_for
        from cachi2ish.cli.display.result_text import plan_text, shares_text
        from cachi2ish.cli.display.run_report import STANDARD_OUTPUT, RunReport, report_at_end
        from cachi2ish.services.fetch import fetch_deps as service
        from cachi2ish.services.fetch.input.input_argument import input_of_files, read_input, refuse_empty

        with (
            _proof_at_end(console) as proofs,
            reporter_for(console) as reporter,
            report_at_end(
                RunReport(
                    place=flags.report,
                    files=wiring.files(),
                    reporter=reporter,
                    output=output,
                    dry_run=flags.dry_run,
                )
            ),
        ):
            note.progress = reporter.progress
            if package_input is None:
                request = input_of_files(requirement or (), source, wiring.lock_names(), reporter.info)
            else:
                request = read_input(package_input, source, wiring.lock_names(), reporter.info)
            if not allow_empty:
                refuse_empty(request.packages)
            if verify:
                _refuse_without_targets(request)
            _check_export(export, request, output)
            with wiring.fetching(flags, reporter, export, allow_empty=allow_empty) as (ports, run):
                note.keeps = run.keeps
                if flags.dry_run:
                    text = plan_text(service.plan(request, source, ports, run))
                else:
                    outcome = service.fetch_deps(request, source, output, ports, run)
                    text = ""
                    for line in shares_text(outcome.shares):
                        reporter.info(line)
            if verify:
                _verify(output, proofs)
        if text and flags.report != STANDARD_OUTPUT:  # there the report is the plan
            write_result(text)
