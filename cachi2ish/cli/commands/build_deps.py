"""``cachi2ish lock-build-deps``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachi2ish.cli.commands.options import (
    OutputFile,
    RequirementFiles,
    SourceDir,
    console_for,
    reads,
    tools_in,
    with_settings,
)
from cachi2ish.cli.display.console import report_errors, write_result
from cachi2ish.errors import InputError, UsageError
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import path_of

if TYPE_CHECKING:
    from cachi2ish.core.targets.machine import Target

#: The settings that this command follows: those of fetch-deps that are about indexes, the cache and the network.
SETTINGS = (
    "index_url",
    "extra_index_url",
    "index_date",
    "index_date_missing",
    "index_digest",
    "moved_host",
    "cache_dir",
    "cache_key",
    "no_cache",
    "offline",
    "concurrency",
    "least_speed",
    "keyring_provider",
    "mode",
    "config_file",
)


_HOW_TO_TARGET = "write python=3.12,platform=manylinux_2_28_x86_64"


def _target(text: str) -> Target:
    from cachi2ish.core.targets.machine import Target as Machine

    keys = dict(part.partition("=")[::2] for part in text.split(","))
    known = {"python", "platform", "implementation", "abi"}
    if not {"python"} <= keys.keys() <= known:
        raise UsageError(f"--target {text} names no target", hint=_HOW_TO_TARGET)
    platform = keys.get("platform", "manylinux_2_28_x86_64")
    try:
        return Machine.parse(keys["python"], platform, keys.get("implementation", "cp"), keys.get("abi"))
    except InputError as error:
        raise UsageError(f"--target {text}: {error.problem}", hint=error.hint) from None


@with_settings(*SETTINGS)
def lock_build_deps(
    context: typer.Context,
    package_input: Annotated[
        str | None,
        typer.Argument(metavar="INPUT", help="What is to be built, as for fetch-deps.", show_default=False),
    ] = None,
    requirement: RequirementFiles = None,
    source: SourceDir = Path(),
    output: OutputFile = None,
    constraint: Annotated[
        list[Path] | None,
        typer.Option(
            "--constraint",
            "-c",
            parser=reads(path_of),
            metavar="FILE",
            help="What build requirements may be, as pip's --build-constraint. May be repeated.",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="python=3.12,platform=TAG",
            help="A machine that builds, where the input names none. May be repeated. "
            "[default: x86-64 Linux with each Python from 3.10 that the project admits]",
        ),
    ] = None,
    tools: Annotated[
        str, typer.Option(metavar="NAMES", help="Programs that are there for building: ninja,cmake,cargo.")
    ] = "",
    as_of_upload: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Build this sdist, or that of this project, with what there was the day after its upload, in a "
            "stage of its own; :all: for all. May be repeated.",
        ),
    ] = None,
    run_hooks: Annotated[
        bool,
        typer.Option(
            "--run-hooks",
            help="Ask the back-end itself where no rule tells what it adds, in a sandbox without network, home "
            "and rights. Needs Linux, and the Python of each target.",
        ),
    ] = False,
    *,
    flags: Flags,
) -> None:
    """Find what the sdists of a project are built with, all the way down, and lock it; nothing of them is run.

    But for --run-hooks, in a sandbox.
    """
    if package_input is not None and requirement:
        context.fail("-r and INPUT both say what is to be built: give one of them.")
    console = console_for(flags)
    with report_errors(console):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.display.reporting import reporter_for
        from cachi2ish.cli.display.run_report import effort
        from cachi2ish.services.fetch.input.input_argument import input_of_files, read_input
        from cachi2ish.services.lock_build_deps import lock_build_deps as service
        from cachi2ish.services.lock_build_deps.constraints import file_of_stage, read_constraints
        from cachi2ish.services.lock_build_deps.findings import summary
        from cachi2ish.services.lock_build_deps.lock_text import CONSTRAINTS, LOCK

        files = wiring.files()
        if output is not None:
            files.check_result(output, LOCK)
        apart = frozenset(as_of_upload or ())
        if apart and output is None:
            raise UsageError(
                "--as-of-upload writes a file of constraints beside the lock",
                hint="name the lock with --output",
            )
        options = service.Options(
            targets=tuple(map(_target, target or ())),
            tools=tools_in((tools,), console),
            constraints=read_constraints(constraint or ()),
            apart=apart,
            hooks=wiring.hook_runner() if run_hooks else None,
        )
        with reporter_for(console) as reporter:
            if requirement:
                request = input_of_files(requirement, source, wiring.lock_names())
            else:
                request = read_input(package_input or "pip", source, wiring.lock_names())
            with wiring.fetching(flags, reporter) as (ports, run):
                found = service.lock_build_deps(request, source, wiring.planner(), options, ports, run)
            for warning in found.warnings:
                reporter.warning(warning)
            reporter.finish()
            for line in effort(reporter):
                reporter.info(line)
            reporter.info(summary(found.builds, found.releases))
        if output is None:
            write_result(found.text)
            return
        beside = {
            output.with_name(f"{output.stem}.{file_of_stage(name)}"): text
            for name, text in found.constraints.items()
        }
        for path in beside:  # before any is written
            files.check_result(path, CONSTRAINTS)
        for path, text in beside.items():
            files.write_result(path, text.encode(), CONSTRAINTS)
        files.write_result(output, found.text.encode(), LOCK)
