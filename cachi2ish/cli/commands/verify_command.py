"""``cachi2ish verify``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from cachi2ish.cli.commands.options import FromOutputDir, console_for, reads, tools_in, with_settings
from cachi2ish.cli.display.console import Level, is_live, report_errors, write_result
from cachi2ish.core.messages import escaped_json
from cachi2ish.errors import InputError
from cachi2ish.exit_codes import ExitCode, VerdictCode
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import InvalidValueError, not_empty, path_of

if TYPE_CHECKING:
    from cachi2ish.proof.interface import Proof


def _target(text: str) -> object:
    """Return the target; ``--help`` does without what it takes to read one."""
    from cachi2ish.services.verify import parse_target

    try:
        return parse_target(text)
    except InputError as error:
        raise InvalidValueError(error.problem, error.hint or "") from None


@contextmanager
def _defects_are_no_verdict() -> Iterator[None]:
    try:
        yield
    except SystemExit as end:
        if end.code == ExitCode.INTERNAL:
            sys.exit(VerdictCode.DEFECT)
        raise


def _describe(wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if wanted:
        from cachi2ish.services.target_probe import PROBE

        write_result(PROBE)
        raise typer.Exit


def proof_lines(proof: Proof, stream: TextIO | None) -> list[str]:
    """Return the tables, as wide as ``stream`` is, if that is a terminal."""
    from cachi2ish.cli.display.proof_text import proof_text

    return proof_text(proof, shutil.get_terminal_size().columns if is_live(stream) else None).splitlines()


@with_settings()
def verify(
    from_output_dir: FromOutputDir,
    target: Annotated[
        list[Any] | None,
        typer.Option(
            parser=reads(_target),
            metavar="TARGET",
            help="Where it will be installed: python=3.12,platform=manylinux_2_28_x86_64, perhaps with "
            "implementation=pp or abi=cp313t. May be repeated. [default: the targets of the input]",
        ),
    ] = None,
    target_file: Annotated[
        list[Path] | None,
        typer.Option(
            parser=reads(path_of),
            metavar="FILE",
            help="A target as the script of --describe has printed it there, tools included. May be repeated.",
        ),
    ] = None,
    in_image: Annotated[
        list[str] | None,
        typer.Option(
            parser=reads(not_empty),
            metavar="IMAGE",
            help="A local image in which it will be installed: its Python, platform and tools are read with "
            "podman, without a network. May be repeated.",
        ),
    ] = None,
    tools: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Programs that are there, with commas between them: ninja,cmake,cargo. May be repeated.",
        ),
    ] = None,
    build_constraint: Annotated[
        list[Path] | None,
        typer.Option(
            parser=reads(path_of),
            metavar="FILE",
            help="What PIP_BUILD_CONSTRAINT names in the build, as generate-env sets it. May be repeated.",
        ),
    ] = None,
    run_hooks: Annotated[
        bool,
        typer.Option(
            "--run-hooks",
            help="Ask the back-end itself where no rule tells what it adds, with the files of the output, in a "
            "sandbox without network, home and rights. Needs Linux, and the Python of each target.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Write the proof as JSON.")] = False,
    *,
    flags: Flags,
    describe: Annotated[  # noqa: ARG001  (the callback has done it)
        bool,
        typer.Option(
            "--describe",
            callback=_describe,
            is_eager=True,
            help="Print a Python script that tells --target-file of the machine that runs it, and exit.",
        ),
    ] = False,
) -> None:
    """Prove that an offline install from an output has all that it needs, or name what it lacks.

    Nothing of it is run, but for --run-hooks, in a sandbox.
    The exit status is the verdict: 0 proved, 1 disproved, 2 unknown.
    """
    console = console_for(flags)
    with _defects_are_no_verdict(), report_errors(console):
        from cachi2ish.build.interface import Machine
        from cachi2ish.cli import wiring
        from cachi2ish.services import verify as service
        from cachi2ish.services.target_probe import read_image, read_target_file

        names = tools_in(tools or (), console)
        machines = [
            *(Machine(one, names) for one in target or ()),
            *(replace(one, tools=one.tools | names) for one in map(read_target_file, target_file or ())),
            *(
                replace(one, tools=one.tools | names)
                for one in (read_image(image, wiring.images()) for image in in_image or ())
            ),
        ]
        hooks = wiring.proof_hooks(partial(console.report, Level.INFO)) if run_hooks else None
        proof = service.verify(
            from_output_dir, machines, names, wiring.outputs(), wiring.prover(), build_constraint or (), hooks
        )
        if json:
            write_result(escaped_json(f"{service.proof_report(proof).model_dump_json(indent=2)}\n"))
        else:
            write_result("".join(f"{line}\n" for line in proof_lines(proof, sys.stdout)))
        code = VerdictCode[proof.verdict.name]
    raise typer.Exit(code)
