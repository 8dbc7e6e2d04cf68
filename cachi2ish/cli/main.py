"""The command line: one program; the commands that a build step calls are also programs of their own."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cachi2ish import __version__
from cachi2ish.cli.commands.build_deps import lock_build_deps
from cachi2ish.cli.commands.cache_commands import cache
from cachi2ish.cli.commands.env import generate_env
from cachi2ish.cli.commands.fetch import fetch_deps
from cachi2ish.cli.commands.inject import inject_files
from cachi2ish.cli.commands.merge import merge_sboms
from cachi2ish.cli.commands.mirror_commands import mirror
from cachi2ish.cli.commands.mirror_log import history_commands
from cachi2ish.cli.commands.options import with_program_settings
from cachi2ish.cli.commands.serve_command import serve
from cachi2ish.cli.commands.verify_command import verify
from cachi2ish.cli.display.console import write_result
from cachi2ish.cli.process import run_to_the_end
from cachi2ish.cli.program import (
    PROGRAM,
    CommandWithSettings,
    CommandWithVerdict,
    ProgramGroup,
    program_name,
    program_of,
)
from cachi2ish.settings.flags import Flags

_HELP = "Prefetch everything a Python build needs, prove what was fetched, and build without a network."

app = typer.Typer(
    name=PROGRAM,
    cls=ProgramGroup,
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(
    "fetch-deps",
    cls=CommandWithSettings,
    short_help="Fetch all that a project's pins need, verified.",
    context_settings={"allow_extra_args": True},  # to say how JSON is quoted
)(fetch_deps)
app.command("lock-build-deps", cls=CommandWithSettings, short_help="Lock what sdists are built with.")(
    lock_build_deps
)
app.command("generate-env", short_help="Write the environment of the offline build.")(generate_env)
app.command("inject-files", short_help="Point requirements files and locks at the fetched files.")(inject_files)
app.command("merge-sboms", short_help="Merge bills of materials into one.")(merge_sboms)
app.command("verify", cls=CommandWithVerdict, short_help="Prove that the offline install has all that it needs.")(
    verify
)
app.command("serve", short_help="Serve an output as an index, around one command.")(serve)
app.add_typer(cache, name="cache")
mirror.add_typer(history_commands)
app.add_typer(mirror, name="mirror")


def _version(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if wanted:
        name = program_of(context)
        # The second word is where scripts look for a version; whose it is comes behind it.
        write_result(f"{name} {__version__}{'' if name == PROGRAM else f' ({PROGRAM})'}\n")
        raise typer.Exit


@app.callback()
@with_program_settings
def _program(
    context: typer.Context,
    *,
    flags: Flags,
    version: Annotated[  # noqa: ARG001  (the callback has done it)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    context.obj = flags


def main() -> None:
    """Run ``cachi2ish``, or what it was called as."""
    name = program_name(sys.argv[0])
    if f"_{name.upper()}_COMPLETE" in os.environ:  # a shell wants its script, or the words that may follow
        # Its own switch for this adds two options to the help.
        from typer.completion import completion_init  # type: ignore[attr-defined]  # not listed, as most of typer

        completion_init()
    run_to_the_end(lambda: app(prog_name=name))


def fetch_deps_main() -> None:
    """Run ``fetch-deps`` as a program of its own."""
    run_to_the_end(lambda: app(["fetch-deps", *sys.argv[1:]], prog_name="cachi2ish"))


def generate_env_main() -> None:
    """Run ``generate-env`` as a program of its own."""
    run_to_the_end(lambda: app(["generate-env", *sys.argv[1:]], prog_name="cachi2ish"))


def inject_files_main() -> None:
    """Run ``inject-files`` as a program of its own."""
    run_to_the_end(lambda: app(["inject-files", *sys.argv[1:]], prog_name="cachi2ish"))
