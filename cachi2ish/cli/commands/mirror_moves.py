"""The commands of ``cachi2ish mirror`` that take a history elsewhere, as a file or into another database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cachi2ish.cli.commands.mirror_log import Index, opened
from cachi2ish.cli.commands.options import reads, with_settings
from cachi2ish.cli.display.console import write_result
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import path_of

moves = typer.Typer()

HistoryFile = Annotated[
    Path, typer.Argument(parser=reads(path_of), metavar="FILE", help="A history, as export writes it.")
]


@moves.command("export", short_help="Write the history of a registry into a file.")
@with_settings("mirror_directory", "mirror_database", "cache_key", "config_file")
def _export(file: HistoryFile, index: Index = "pypi", *, flags: Flags) -> None:
    """Write all that is known of a registry into FILE, and print the digest of it. With a key it is signed, too.

    The digest is of the history, and not of the packed file: import takes it, whatever has packed the file.
    """
    with opened(flags, read_only=True) as (history, reporter):
        from cachi2ish.cli.wiring_history import seal
        from cachi2ish.services.history_files import write_history

        signer = seal(flags)
        digest, of_file = write_history(file, lambda write: history.export(index, write, signer))
        write_result(f"{digest}\n")
        reporter.info(f"that is the digest of the history, for import --digest; of the file it is {of_file}")


@moves.command("import", short_help="Begin with the past that another mirror has exported.")
@with_settings("mirror_directory", "mirror_database", "cache_key", "config_file")
def _import(
    file: HistoryFile,
    digest: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="What export has printed, as you know it from elsewhere.")
    ] = None,
    index: Index = "pypi",
    *,
    flags: Flags,
) -> None:
    """Take the history of all projects of which nothing is known here.

    It must have the digest, or be signed with the key of both mirrors.
    """
    with opened(flags, make=True) as (history, reporter):
        from cachi2ish.cli.display.mirror_text import counted_projects
        from cachi2ish.cli.wiring_history import seal
        from cachi2ish.services.history_files import read_history

        number = history.import_(index, read_history(file), digest=digest, seal=seal(flags))
        reporter.info(f"{counted_projects(number)} taken over")


@moves.command("copy", short_help="Copy the history into another database.")
@with_settings("mirror_directory", "mirror_database", "config_file")
def _copy(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="An empty database of PostgreSQL (postgresql://user@host/name), or the directory of a mirror that"
            " has no history.",
        ),
    ],
    *,
    flags: Flags,
) -> None:
    """Copy all that is known into an empty database, and compare it there: from SQLite to PostgreSQL, or back.

    All of it is there afterwards, or nothing. Files are not copied.
    """
    with opened(flags, read_only=True) as (history, reporter):
        from cachi2ish.cli.wiring_history import empty_place

        with empty_place(target) as place:
            count = history.copy_to(place)
        reporter.info(f"{count:,} rows copied, and compared")
