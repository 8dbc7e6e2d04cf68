"""The commands of ``cachi2ish mirror`` that work on its history alone: no server has to run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachi2ish.cli.commands.mirror_opening import Format, HistoryFormat, Index, installed, opened, reported
from cachi2ish.cli.commands.options import console_for, reads, with_settings, written_options
from cachi2ish.cli.display.console import write_result
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import path_of

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from cachi2ish.core.cutoff import Cutoff


history_commands = typer.Typer()


_RULES = ("mirror_registry", "mirror_private", "mirror_registry_token", "mirror_first_seen")
_A_DAY = timedelta(days=1)
_DATE = "A date (the end of that day, UTC), an instant, or a duration back from now."


@history_commands.command("status", short_help="Tell how much is known of the indexes.")
@with_settings("mirror_directory", "mirror_database", "mirror_files", "config_file")
def _status(output_format: Format = HistoryFormat.TEXT, *, flags: Flags) -> None:
    """Tell how many projects, files and looks are known, what is due, and what was alarming.

    With --files, tell whether S3 answers, and how many files of this machine are still to be put there.
    """
    with opened(flags, read_only=True) as (history, _):
        from cachi2ish.cli.display.mirror_text import status_json, status_text
        from cachi2ish.cli.wiring_files import sharing_state
        from cachi2ish.mirror.records import now_in_microseconds

        status, sharing = history.status(now_in_microseconds()), sharing_state(flags)
        text = status_json if output_format is HistoryFormat.JSON else status_text
        write_result(text(status, sharing))


@history_commands.command("track", short_help="Follow projects before anybody asks for them.")
@with_settings("mirror_directory", "mirror_database", *_RULES, "config_file")
def _track(
    projects: Annotated[list[str] | None, typer.Argument(metavar="PROJECT...", help="Names of projects.")] = None,
    requirement: Annotated[
        Path | None,
        typer.Option(
            "--requirement",
            "-r",
            parser=reads(path_of),
            metavar="FILE",
            help="A file with a name or a requirement on each line.",
        ),
    ] = None,
    index: Index = "pypi",
    *,
    everything: Annotated[bool, typer.Option("--all", help="All projects that the registry lists now.")] = False,
    context: typer.Context,
    flags: Flags,
) -> None:
    """Follow projects: a server that runs looks at them within half a minute, and again each day."""
    from cachi2ish.cli.display.mirror_text import counted_projects
    from cachi2ish.errors import UsageError

    console = console_for(flags)
    with reported(console):
        if everything and (projects or requirement):
            raise UsageError(
                "--all and names are given", hint="--all follows each project that the registry lists"
            )
        if not everything and (idle := written_options(context, *_RULES)):
            raise UsageError(f"{idle[0]} is given without --all", hint="give it to mirror serve or mirror sync")
        if everything:
            from cachi2ish.cli.display.reporting import ConsoleReporter

            with installed():
                from cachi2ish.cli.wiring_mirror import track_all
            reporter = ConsoleReporter(console)
            reporter.info(f"{counted_projects(track_all(flags, index, reporter))} more followed")
            return
    with opened(flags, make=True) as (history, reporter):
        from cachi2ish.mirror.records import now_in_microseconds
        from cachi2ish.services.history_files import lines_of, project_names

        names = project_names(projects or [])
        if requirement is not None:
            names += project_names(lines_of(requirement), str(requirement))
        if not names:
            raise UsageError("no project is named", hint="give names, a file with --requirement, or --all")
        number = history.track(index, sorted(set(names)), now_in_microseconds())
        reporter.info(f"{counted_projects(number)} more followed")


@history_commands.command("sync", short_help="Look at all projects that are due, once.")
@with_settings("mirror_directory", "mirror_database", "mirror_files", "mirror_local_size", *_RULES, "config_file")
def _sync(*, flags: Flags) -> None:
    """Look at all projects that are due, and fetch files that have vanished: where no server runs that does so."""
    console = console_for(flags)
    with reported(console):
        from cachi2ish.cli.display.reporting import ConsoleReporter
        from cachi2ish.errors import NetworkError

        with installed():
            from cachi2ish.cli.wiring_mirror import sync_mirror
        reporter = ConsoleReporter(console)
        done = sync_mirror(flags, reporter)
        reporter.info(f"looked {done.looks} {'time' if done.looks == 1 else 'times'}")
        for name in done.refusing:
            reporter.warning(
                f"{name} does not show some of its projects, which stay as they are known: name it with its login"
                f" (--registry {name}=URL, --registry-token)"
            )
        if not done.complete:
            raise NetworkError(
                "some projects are still due: their registry does not answer", hint="run it again later"
            )


@history_commands.command("diff", short_help="Tell how a project differs between two dates.")
@with_settings("mirror_directory", "mirror_database", "config_file")
def _diff(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="The name of a project.")],
    before: Annotated[str, typer.Argument(metavar="DATE", help=_DATE)],
    after: Annotated[str, typer.Argument(metavar="DATE", help="The later one.")],
    output_format: Format = HistoryFormat.TEXT,
    index: Index = "pypi",
    *,
    flags: Flags,
) -> None:
    """Tell which files came (+), went (-) or are different (~) at the second date."""
    with opened(flags, read_only=True) as (history, reporter):
        from cachi2ish.cli.display.mirror_text import diff_json, diff_text

        name = _project(project)
        first, second = _cutoff(before), _cutoff(after)
        for text, cutoff in dict.fromkeys(((before, first), (after, second))):
            if cutoff.instant - datetime.now(UTC) > _A_DAY:  # of today all is known that there is
                reporter.warning(f"{text} is still to come")
        if second.instant == first.instant:
            reporter.warning("both dates are the same: nothing lies between them")
        if second.instant < first.instant:
            reporter.warning(f"{before} is after {after}: this goes back in time, and what came meanwhile goes")
        changes = history.diff(index, name, first, second)
        write_result(diff_json(changes) if output_format is HistoryFormat.JSON else diff_text(changes))


@history_commands.command("freeze", short_help="Make one digest of all pages of a day.")
@with_settings("mirror_directory", "mirror_database", "config_file")
def _freeze(
    date: Annotated[str, typer.Argument(metavar="DATE", help=_DATE)],
    index: Index = "pypi",
    *,
    flags: Flags,
) -> None:
    """Print the digest of all pages of a day, and write it down, so that verify sees whether one has changed."""
    with opened(flags) as (history, reporter):
        from cachi2ish.cli.display.mirror_text import counted_projects
        from cachi2ish.errors import UnavailableError
        from cachi2ish.mirror.records import now_in_microseconds

        day = history.freeze(index, _cutoff(date), now_in_microseconds())
        if day.provisional:
            more = f" and {day.provisional - len(day.open)} more" if day.provisional > len(day.open) else ""
            raise UnavailableError(
                f"{date} is not closed: {counted_projects(day.provisional)} of {index} may still change"
                f" ({', '.join(day.open)}{more})",
                hint="they have to be looked at six hours after the end of the day: a running server does so, or"
                " mirror sync. mirror prune follows a project no more",
            )
        if not day.projects:
            reporter.warning(f"no project of {index} is known to have been there before {day.cutoff}")
        write_result(f"{day.digest}\n")
        reporter.info(f"{counted_projects(day.projects)} before {day.cutoff}")


@history_commands.command("verify", short_help="Check that the history does not contradict itself.")
@with_settings("mirror_directory", "mirror_database", "mirror_files", "config_file")
def _verify(
    contents: Annotated[
        bool, typer.Option("--contents", help="Read all files instead, on the disk and in S3, and hash them.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --contents, remove what is damaged: it is fetched again.")
    ] = False,
    *,
    flags: Flags,
) -> None:
    """Check the database, and that each page of each day that was frozen is the one that it was then.

    With --contents, check that each file is what its name promises.
    """
    if contents or repair:
        _verify_contents(flags, repair=repair, contents=contents)
        return
    with opened(flags, read_only=True) as (history, reporter):
        from cachi2ish.errors import DigestMismatchError, raise_all

        raise_all(DigestMismatchError(found) for found in history.verify())
        reporter.info("nothing contradicts")


def _verify_contents(flags: Flags, *, repair: bool, contents: bool) -> None:
    console = console_for(flags)
    with reported(console, ""):
        from cachi2ish.cli.display.mirror_text import moved_text, on_moved
        from cachi2ish.cli.display.reporting import ConsoleReporter
        from cachi2ish.errors import UsageError, raise_all

        if not contents:
            raise UsageError("--repair is given without --contents", hint="it is about files: give both")
        with installed():
            from cachi2ish.cli.wiring_files import own_files, require_files
            from cachi2ish.mirror.held.shared.moving_files import damage, verify_files
        reporter, errors = ConsoleReporter(console), []
        places = own_files(flags)
        require_files(flags, places, reporter.warning)
        for place in places:
            done = verify_files(place, on_moved(reporter.info, "sound"), repair=repair)
            reporter.info(f"{place.name}: {moved_text(done, 'sound')}")
            for error in damage(done, "mirror verify --contents --repair removes it, and it is fetched again"):
                if repair:
                    reporter.warning(f"{error.problem}: removed")
                else:
                    errors.append(error)
        raise_all(errors)


def _cutoff(text: str) -> Cutoff:
    from cachi2ish.core.cutoff import Cutoff, InvalidDateError
    from cachi2ish.errors import UsageError

    try:
        return Cutoff.parse(text, datetime.now(UTC))
    except InvalidDateError as error:
        raise UsageError(str(error), hint=error.hint) from None


def _project(text: str) -> NormalizedName:
    from packaging.utils import InvalidName, canonicalize_name

    from cachi2ish.core.messages import excerpt
    from cachi2ish.errors import UsageError

    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise UsageError(
            f"{excerpt(text)!r} is no name of a project", hint="give the name alone, without a version"
        ) from None
