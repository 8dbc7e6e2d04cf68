"""The commands of ``cachi2ish mirror`` that take a history elsewhere, as a file or into another database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachi2ish.cli.commands.mirror_opening import Index, installed, opened, reported
from cachi2ish.cli.commands.options import console_for, reads, with_settings
from cachi2ish.cli.display.console import write_result
from cachi2ish.core.messages import excerpt
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import InvalidValueError, not_empty, path_of

if TYPE_CHECKING:
    from cachi2ish.cli.display.reporting import ConsoleReporter

moves = typer.Typer()

#: After several files that were damaged.
_FILES_COPIED = "all other files are copied"

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
        from cachi2ish.cli.wiring import files
        from cachi2ish.cli.wiring_history import seal
        from cachi2ish.errors import UsageError
        from cachi2ish.services.history_files import write_history

        if file == Path("-"):
            raise UsageError(
                "the history goes to a file, and standard output gets its digest", hint="name a file or a pipe"
            )
        signer = seal(flags)
        digest, of_file = write_history(files(), file, lambda write: history.export(index, write, signer))
        write_result(f"{digest}\n")
        reporter.info(f"that is the digest of the history, for import --digest; of the file it is {of_file}")


def _digest(text: str) -> str:
    from cachi2ish.core.digests import Digest, InvalidDigestError

    try:
        return str(Digest.of("sha256", text.strip().removeprefix("sha256:")))
    except InvalidDigestError:
        hint = "write it as mirror export prints it: sha256: and 64 hexadecimal digits"
        raise InvalidValueError(f"{excerpt(text)!r} is no digest of a history", hint) from None


@moves.command("import", short_help="Begin with the past that another mirror has exported.")
@with_settings("mirror_directory", "mirror_database", "cache_key", "config_file")
def _import(
    file: HistoryFile,
    digest: Annotated[
        str | None,
        typer.Option(
            parser=reads(_digest), metavar="DIGEST", help="What export has printed, as you know it from elsewhere."
        ),
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


@moves.command("copy", short_help="Copy the history into another database, and the files to another place.")
@with_settings("mirror_directory", "mirror_database", "mirror_files", "config_file")
def _copy(
    target: Annotated[
        str | None,
        typer.Argument(
            parser=reads(not_empty),
            metavar="TARGET",
            help="An empty database of PostgreSQL (postgresql://user@host/name), or the directory of a mirror that"
            " has no history. Without it, files alone are copied.",
        ),
    ] = None,
    target_files: Annotated[
        str | None,
        typer.Option(
            parser=reads(not_empty),
            metavar="PLACE",
            help="Copy the files too: to s3://BUCKET/PREFIX, or into the directory of a mirror.",
        ),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Copy all that is known into an empty database, and all files to another place, and compare both there.

    From SQLite and a disk to PostgreSQL and S3, or back. Files come first: a copy that was ended goes on where it
    was. Of the history all is there afterwards, or nothing.
    """
    if target is None:
        console = console_for(flags)
        with reported(console, _FILES_COPIED):
            from cachi2ish.cli.display.reporting import ConsoleReporter
            from cachi2ish.errors import UsageError

            if target_files is None:
                raise UsageError(
                    "there is nothing to copy to", hint="name a TARGET for the history, --target-files, or both"
                )
            with installed():
                _copy_files(flags, target_files, ConsoleReporter(console))
        return
    otherwise = f"{_FILES_COPIED}, and the history is not"
    with opened(flags, read_only=True, otherwise=otherwise) as (history, reporter):
        from cachi2ish.cli.wiring_history import empty_place

        with empty_place(target) as place:
            count = history.copy_to(
                place, lambda: None if target_files is None else _copy_files(flags, target_files, reporter)
            )
        reporter.info(f"{count:,} rows copied, and compared")


def _copy_files(flags: Flags, target: str, reporter: ConsoleReporter) -> None:
    from cachi2ish.cli.display.mirror_text import moved_text, on_moved
    from cachi2ish.cli.wiring_files import files_at, own_files, require_files, scratch_for_copies
    from cachi2ish.errors import raise_all
    from cachi2ish.mirror.held.shared.moving_files import copy_files, damage

    sources, place = own_files(flags), files_at(target)
    require_files(flags, sources, reporter.warning)
    with scratch_for_copies(flags, target) as scratch:
        done = copy_files(sources, place, scratch, on_moved(reporter.info, "copied"))
    compared = ", and compared" if done.files else ""
    reporter.info(f"{moved_text(done, 'copied')}{compared}")
    raise_all(damage(done, "run mirror verify --contents --repair on the source, and copy again"))
