"""The command line: one program; the commands that a build step calls are also programs of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from cachi2ish import __version__
from cachi2ish.cli.commands.options import with_program_settings
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
from cachi2ish.settings.flags import SETTINGS, Flags, option_of

_HELP = "Prefetch everything a Python build needs, prove what was fetched, and build without a network."

#: Options of the program that have a value.
_WITH_VALUE = frozenset(
    f"--{option_of(name)}" for name, setting in SETTINGS.items() if setting.any_command and setting.metavar
)


def application(name: str | None = None) -> typer.Typer:
    """Return the program, with the command of that name alone, or with all."""
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
    app.callback()(_program)
    for add in _COMMANDS.values() if name is None else (_COMMANDS[name],):
        add(app)
    return app


def _named(words: Sequence[str]) -> str | None:
    """Return the command that a command line names before anything but the program's own options."""
    rest = iter(words)
    for word in rest:
        if word in _COMMANDS:
            return word
        option, has_value, _ = word.partition("=")
        if option not in _WITH_VALUE:
            return None
        if not has_value:
            next(rest, None)
    return None


def _add_fetch_deps(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.fetch import fetch_deps

    app.command(
        "fetch-deps",
        cls=CommandWithSettings,
        short_help="Fetch all that a project's pins need, verified.",
        context_settings={"allow_extra_args": True},  # to say how JSON is quoted
    )(fetch_deps)


def _add_lock_build_deps(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.build_deps import lock_build_deps

    app.command("lock-build-deps", cls=CommandWithSettings, short_help="Lock what sdists are built with.")(
        lock_build_deps
    )


def _add_generate_env(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.env import generate_env

    app.command("generate-env", short_help="Write the environment of the offline build.")(generate_env)


def _add_inject_files(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.inject import inject_files

    app.command("inject-files", short_help="Point requirements files and locks at the fetched files.")(
        inject_files
    )


def _add_merge_sboms(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.merge import merge_sboms

    app.command("merge-sboms", short_help="Merge bills of materials into one.")(merge_sboms)


def _add_verify(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.verify_command import verify

    app.command(
        "verify", cls=CommandWithVerdict, short_help="Prove that the offline install has all that it needs."
    )(verify)


def _add_serve(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.serve_command import serve

    app.command("serve", short_help="Serve an output as an index, around one command.")(serve)


def _add_cache(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.cache_commands import cache

    app.add_typer(cache, name="cache")


def _add_mirror(app: typer.Typer) -> None:
    from cachi2ish.cli.commands.mirror_commands import mirror
    from cachi2ish.cli.commands.mirror_history import history_commands
    from cachi2ish.cli.commands.mirror_moves import moves
    from cachi2ish.cli.commands.mirror_prune import pruning_commands

    if not mirror.registered_groups:
        mirror.add_typer(history_commands)
        mirror.add_typer(pruning_commands)
        mirror.add_typer(moves)
    app.add_typer(mirror, name="mirror")


#: What adds a command to the program, by its name. A run loads the one that it names.
_COMMANDS: Mapping[str, Callable[[typer.Typer], None]] = {
    "fetch-deps": _add_fetch_deps,
    "lock-build-deps": _add_lock_build_deps,
    "generate-env": _add_generate_env,
    "inject-files": _add_inject_files,
    "merge-sboms": _add_merge_sboms,
    "verify": _add_verify,
    "serve": _add_serve,
    "cache": _add_cache,
    "mirror": _add_mirror,
}


def _version(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if wanted:
        name = program_of(context)
        # The second word is where scripts look for a version; whose it is comes behind it.
        write_result(f"{name} {__version__}{'' if name == PROGRAM else f' ({PROGRAM})'}\n")
        raise typer.Exit


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
    command = _named(sys.argv[1:])
    if f"_{name.upper()}_COMPLETE" in os.environ:  # a shell wants its script, or the words that may follow
        # Its own switch for this adds two options to the help.
        from typer.completion import completion_init  # type: ignore[attr-defined]  # not listed, as most of typer

        completion_init()
        command = None
    run_to_the_end(lambda: application(command)(prog_name=name))


def fetch_deps_main() -> None:
    """Run ``fetch-deps`` as a program of its own."""
    _run("fetch-deps")


def generate_env_main() -> None:
    """Run ``generate-env`` as a program of its own."""
    _run("generate-env")


def inject_files_main() -> None:
    """Run ``inject-files`` as a program of its own."""
    _run("inject-files")


def _run(name: str) -> None:
    run_to_the_end(lambda: application(name)([name, *sys.argv[1:]], prog_name="cachi2ish"))
