"""``cachi2ish mirror``: package indexes as they were on any date, for pip, uv, Poetry, PDM and fetch-deps."""

from __future__ import annotations

import typer

from cachi2ish.cli.commands.mirror_opening import reported
from cachi2ish.cli.commands.options import console_for, with_settings
from cachi2ish.cli.program import AnyOrder
from cachi2ish.errors import InputError
from cachi2ish.settings.flags import Flags

mirror = typer.Typer(
    cls=AnyOrder,
    help="Serve package indexes as they were on any date.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@mirror.callback()
def _mirror() -> None:
    """Serve package indexes as they were on any date."""


@mirror.command("serve", short_help="Serve indexes as of any date, until it is ended.")
@with_settings(
    "mirror_directory",
    "mirror_database",
    "mirror_files",
    "mirror_local_size",
    "mirror_host",
    "mirror_port",
    "mirror_registry",
    "mirror_private",
    "mirror_registry_token",
    "mirror_first_seen",
    "mirror_exempt",
    "mirror_require_coverage",
    "mirror_token_file",
    "mirror_open",
    "mirror_memory",
    "mirror_follow",
    "config_file",
)
def _serve(*, flags: Flags) -> None:
    """Serve package indexes as of any date, remember what they say, and keep their files.

    Needs cachi2ish[mirror]. Ends on Ctrl-C or SIGTERM, after the answers that are under way.
    """
    console = console_for(flags)
    with reported(console):
        from cachi2ish.cli.display.reporting import ConsoleReporter

        try:
            from cachi2ish.cli.wiring_mirror import serve_mirror
        except ModuleNotFoundError as error:
            raise InputError(
                f"the mirror needs {error.name}, which is not installed",
                hint="install cachi2ish[mirror], or from a clone: make install WITH=mirror",
            ) from None
        serve_mirror(flags, ConsoleReporter(console))
