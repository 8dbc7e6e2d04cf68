"""``cachi2ish mirror prune``: follow projects no more, or make the store of files smaller."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from cachi2ish.cli.commands.cache_commands import MaxSize, OlderThan, limits_of
from cachi2ish.cli.commands.mirror_opening import Index, opened
from cachi2ish.cli.commands.options import with_settings
from cachi2ish.cli.display.console import write_result
from cachi2ish.settings.flags import Flags

pruning_commands = typer.Typer()


@pruning_commands.command("prune", short_help="Follow projects no more, or remove files.")
@with_settings("mirror_directory", "mirror_database", "mirror_files", "config_file")
def _prune(
    projects: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROJECT...", help="Follow these no more; without any, files are removed."),
    ] = None,
    index: Index = "pypi",
    older_than: OlderThan = None,
    max_size: MaxSize = None,
    *,
    also_vanished: Annotated[
        bool,
        typer.Option("--also-vanished", help="Remove also what no registry may have any more: it is lost then."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")
    ] = False,
    flags: Flags,
) -> None:
    """Follow projects no more, until somebody asks for them again; what is known of them stays.

    Without projects: remove leftovers, and files as the options say. A file is fetched again when somebody asks
    for it. One that no registry has listed at a look within the last two days stays. A server may run meanwhile.
    With --files, what is in S3 is removed, by when it was put there: a server keeps its own disk small.
    """
    with opened(flags) as (history, reporter):
        from cachi2ish.cli.display.mirror_text import counted_projects, staying_text
        from cachi2ish.cli.display.result_text import pruned_lines, removals_text, too_large_text
        from cachi2ish.cli.wiring_files import shared_files
        from cachi2ish.cli.wiring_history import freeing
        from cachi2ish.errors import UsageError
        from cachi2ish.mirror.records import now_in_microseconds
        from cachi2ish.services.cache_upkeep import prune_files
        from cachi2ish.services.history_files import project_names
        from cachi2ish.settings.mirror_settings import mirror_files

        of_files = {
            "--older-than": older_than,
            "--max-size": max_size,
            "--also-vanished": also_vanished,
            "--dry-run": dry_run,
        }
        given = [name for name, value in of_files.items() if value]
        if projects:
            if given:
                raise UsageError(
                    f"{given[0]} is given with a project",
                    hint="it is about files of all projects: leave the project out, or the option",
                )
            names = project_names(projects)
            ended = history.forget(index, names)
            reporter.info(f"{counted_projects(len(ended))} followed no more")
            if others := sorted(set(names) - ended):
                reporter.warning(f"not followed before: {', '.join(others)}")
            return
        now = datetime.now(UTC)
        limits = limits_of(older_than, max_size, now)
        shared = mirror_files(flags)
        with freeing(
            flags,
            history,
            now_in_microseconds,
            everything=also_vanished,
            pretend=dry_run,
            place=None if shared is None else shared_files(shared, os.environ),
        ) as store:
            pruned = prune_files(store, limits, now, reporter, dry_run=dry_run)
        if dry_run:
            write_result(removals_text(pruned, "last used" if shared is None else "put there"))
        for line in (*pruned_lines(pruned, dry_run=dry_run), *staying_text(store.staying)):
            reporter.info(line)
        if limits.size is not None and pruned.kept > limits.size and not dry_run:
            reporter.warning(too_large_text(pruned, limits.size))
