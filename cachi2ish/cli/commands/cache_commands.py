"""``cachi2ish cache``: look at the cache, check it, and make it smaller."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cachi2ish.cli.commands.options import console_for, reads, with_settings
from cachi2ish.cli.display.console import Console, report_errors, write_result
from cachi2ish.cli.program import AnyOrder
from cachi2ish.settings.flags import Flags
from cachi2ish.settings.values import InvalidValueError, metavar, one_of, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cachi2ish.cli.display.reporting import ConsoleReporter
    from cachi2ish.services.cache_upkeep import Limits, Verified


#: Seconds between two lines about a verification that takes long.
_PAUSE = 10.0

cache = typer.Typer(
    cls=AnyOrder,
    help="Look at the cache, check it, and make it smaller.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


OlderThan = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Remove what was not used for so long: '30 days', '12 hours', P30D."),
]
MaxSize = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Remove what was least recently used, until everything together is no larger: 500MB, 5GB, 5GiB.",
    ),
]


class InfoFormat(StrEnum):
    """How ``cache info`` writes."""

    TEXT = "text"
    JSON = "json"


@cache.command("path")
@with_settings("cache_dir", "config_file")
def _path(
    *,
    flags: Flags,
) -> None:
    """Print where the cache is, or would be."""
    with report_errors(console_for(flags)):
        from cachi2ish.cli import wiring

        write_result(f"{wiring.housekeeping(flags).directory}\n")


@cache.command("info", short_help="Tell how much is in the cache.")
@with_settings("cache_dir", "config_file")
def _info(
    output_format: Annotated[
        InfoFormat,
        typer.Option(
            "--format",
            "-f",
            parser=reads(one_of(InfoFormat)),
            metavar=metavar(InfoFormat),
            help="json is for programs: sizes in bytes, times in UTC.",
        ),
    ] = InfoFormat.TEXT,
    *,
    flags: Flags,
) -> None:
    """Tell how much is in the cache, and when it was used; changes nothing."""
    with report_errors(console_for(flags)):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.display.result_text import info_json, info_text

        contents = wiring.housekeeping(flags).contents()
        write_result(info_json(contents) if output_format is InfoFormat.JSON else info_text(contents))


@cache.command("verify", short_help="Check everything that is in the cache.")
@with_settings("cache_dir", "cache_key", "config_file")
def _verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove what is damaged; it is fetched anew when it is needed.")
    ] = False,
    *,
    flags: Flags,
) -> None:
    """Read everything in the cache, and tell all that is not what its name promises."""
    console = console_for(flags)
    with report_errors(console):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.display.result_text import verified_text
        from cachi2ish.services.cache_upkeep import verify

        housekeeping, reporter = wiring.housekeeping(flags), _reporter(console)
        reporter.info(f"verifying the cache {housekeeping.directory}")
        verified = verify(housekeeping, reporter, periodic_report(reporter, time.monotonic), repair=repair)
        reporter.info(verified_text(verified))


@cache.command("prune", short_help="Remove leftovers, and what was not used for long.")
@with_settings("cache_dir", "config_file")
def _prune(
    older_than: OlderThan = None,
    max_size: MaxSize = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")
    ] = False,
    *,
    flags: Flags,
) -> None:
    """Remove leftovers from the cache, and what the options say; never what a running process uses."""
    console = console_for(flags)
    with report_errors(console):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.display.result_text import pruned_lines, removals_text, too_large_text
        from cachi2ish.errors import InputError
        from cachi2ish.services.cache_upkeep import prune

        now = datetime.now(UTC)
        limits = limits_of(older_than, max_size, now)
        housekeeping, reporter = wiring.housekeeping(flags), _reporter(console)
        if _is_of_mirror(housekeeping.directory):
            raise InputError(
                f"{housekeeping.directory} is the store of a mirror, which may have the last copy of a file",
                hint=f"run: cachi2ish mirror prune --directory {housekeeping.directory.parent}",
            )
        pruned = prune(housekeeping, limits, now, reporter, dry_run=dry_run)
        if dry_run:
            write_result(removals_text(pruned))
        for line in pruned_lines(pruned, dry_run=dry_run):
            reporter.info(line)
        if limits.size is not None and pruned.kept > limits.size and not dry_run:
            reporter.warning(too_large_text(pruned, limits.size))


def _is_of_mirror(directory: Path) -> bool:
    """Return whether this is the store of a mirror, wherever its history is."""
    from cachi2ish.mirror.records import DOWNLOADS, FILES, HISTORY, METADATA_DIGESTS

    # Every mirror has claims; but a directory of that name alone may be anything.
    names = [HISTORY, METADATA_DIGESTS, *([DOWNLOADS] if directory.name == FILES else [])]
    return any((directory.parent / name).exists() for name in names)


def _reporter(console: Console) -> ConsoleReporter:
    from cachi2ish.cli.display.reporting import ConsoleReporter

    return ConsoleReporter(console)


def limits_of(older_than: str | None, max_size: str | None, now: datetime) -> Limits:
    """Return what the options say may stay; raises `UsageError` for what makes no sense."""
    from cachi2ish.core.cutoff import InvalidDateError, parse_duration
    from cachi2ish.errors import Cachi2ishError, UsageError, raise_all
    from cachi2ish.services.cache_upkeep import Limits

    errors: list[Cachi2ishError] = []
    unused_since: datetime | None = None
    size: int | None = None
    try:
        unused_since = None if older_than is None else now - parse_duration(older_than)
    except InvalidDateError as error:
        errors.append(UsageError(f"--older-than: {error}", hint=error.hint))
    try:
        size = None if max_size is None else parse_size(max_size)
    except InvalidValueError as error:
        errors.append(UsageError(f"--max-size: {error}", hint=error.hint))
    raise_all(errors)
    return Limits(unused_since=unused_since, size=size)


def periodic_report(reporter: ConsoleReporter, clock: Callable[[], float]) -> Callable[[Verified], None]:
    """Return a callback that reports a line every ten seconds. clock: seconds that only grow."""
    from cachi2ish.cli.display.result_text import verified_text

    reported_at = clock()

    def watch(verified: Verified) -> None:
        nonlocal reported_at
        if clock() - reported_at >= _PAUSE:
            reported_at = clock()
            reporter.info(f"{verified_text(verified)} so far")

    return watch
