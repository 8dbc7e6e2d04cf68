"""The command line: one program with three commands, each of which is also a program of its own."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cachi2ish import __version__
from cachi2ish.cli.console import write_result
from cachi2ish.cli.fetch_deps import fetch_deps
from cachi2ish.cli.generate_env import generate_env
from cachi2ish.cli.inject_files import inject_files
from cachi2ish.cli.options import LogLevel, LogLevelName, remember_level
from cachi2ish.cli.process import run_to_the_end

_HELP = "Prefetch everything a Python build needs, prove what was fetched, and build without a network."

app = typer.Typer(
    name="cachi2ish",
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("fetch-deps")(fetch_deps)
app.command("generate-env")(generate_env)
app.command("inject-files")(inject_files)


def _version(wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if wanted:
        write_result(f"cachi2ish {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    log_level: LogLevel = LogLevelName.UNSET,
    version: Annotated[  # noqa: ARG001  (the callback has done it)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    remember_level(context, log_level)


def main() -> None:
    """Run ``cachi2ish``."""
    run_to_the_end(app)


def fetch_deps_main() -> None:
    """Run ``fetch-deps`` as a program of its own."""
    run_to_the_end(lambda: app(["fetch-deps", *sys.argv[1:]], prog_name="cachi2ish"))


def generate_env_main() -> None:
    """Run ``generate-env`` as a program of its own."""
    run_to_the_end(lambda: app(["generate-env", *sys.argv[1:]], prog_name="cachi2ish"))


def inject_files_main() -> None:
    """Run ``inject-files`` as a program of its own."""
    run_to_the_end(lambda: app(["inject-files", *sys.argv[1:]], prog_name="cachi2ish"))
