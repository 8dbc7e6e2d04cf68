"""``cachi2ish cache``: look at the cache, check it, and make it smaller."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachi2ish.cli.any_order import AnyOrder
from cachi2ish.cli.commands.option_values import metavar, one_of
from cachi2ish.cli.commands.options import (
    CacheDirOption,
    ConfigFileOption,
    LogLevel,
    LogLevelName,
    console_for,
    said_before,
)
from cachi2ish.cli.display.console import Console, errors_told, write_result
from cachi2ish.cli.program import is_drop_in
from cachi2ish.settings.flags import Flags

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachi2ish.cache.interface import Housekeeping
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


class InfoFormat(StrEnum):
    """How ``cache info`` writes."""

    TEXT = "text"
    JSON = "json"


@cache.command("path")
def _path(
    context: typer.Context,
    cache_dir: CacheDirOption = None,
    config_file: ConfigFileOption = None,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Print where the cache is, or would be."""
    with errors_told(console_for(context, log_level)):
        write_result(f"{_housekeeping(context, cache_dir, config_file).directory}\n")


@cache.command("info", short_help="Tell how much is in the cache.")
def _info(
    context: typer.Context,
    output_format: Annotated[
        InfoFormat,
        typer.Option(
            "--format",
            "-f",
            parser=one_of(InfoFormat),
            metavar=metavar(InfoFormat),
            help="json is for programs: sizes in bytes, times in UTC.",
        ),
    ] = InfoFormat.TEXT,
    cache_dir: CacheDirOption = None,
    config_file: ConfigFileOption = None,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Tell how much is in the cache, and when it was used; changes nothing."""
    with errors_told(console_for(context, log_level)):
        from cachi2ish.cli.display.cache_text import info_json, info_text

        contents = _housekeeping(context, cache_dir, config_file).contents()
        write_result(info_json(contents) if output_format is InfoFormat.JSON else info_text(contents))


@cache.command("verify", short_help="Check everything that is in the cache.")
def _verify(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove what is damaged; it is fetched anew when it is needed.")
    ] = False,
    cache_dir: CacheDirOption = None,
    config_file: ConfigFileOption = None,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Read everything in the cache, and tell all that is not what its name promises."""
    console = console_for(context, log_level)
    with errors_told(console):
        from cachi2ish.cli.display.cache_text import verified_text
        from cachi2ish.services.cache_upkeep import verify

        housekeeping, reporter = _housekeeping(context, cache_dir, config_file), _reporter(console)
        reporter.info(f"verifying the cache {housekeeping.directory}")
        verified = verify(housekeeping, reporter, now_and_then(reporter, time.monotonic), repair=repair)
        reporter.info(verified_text(verified))


@cache.command("prune", short_help="Remove leftovers, and what was not used for long.")
def _prune(
    context: typer.Context,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Remove what was not used for so long: '30 days', '12 hours', P30D.",
        ),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Remove what was least recently used, until everything together is no larger: 500MB, 5GB, 5GiB.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")
    ] = False,
    cache_dir: CacheDirOption = None,
    config_file: ConfigFileOption = None,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Remove leftovers from the cache, and what the options say; never what a running process uses."""
    console = console_for(context, log_level)
    with errors_told(console):
        from cachi2ish.cli.display.cache_text import pruned_lines, removals_text, too_large_text
        from cachi2ish.services.cache_upkeep import prune

        now = datetime.now(UTC)
        limits = _limits(older_than, max_size, now)
        housekeeping, reporter = _housekeeping(context, cache_dir, config_file), _reporter(console)
        pruned = prune(housekeeping, limits, now, reporter, dry_run=dry_run)
        if dry_run:
            write_result(removals_text(pruned))
        for line in pruned_lines(pruned, dry_run=dry_run):
            reporter.info(line)
        if limits.size is not None and pruned.kept > limits.size and not dry_run:
            reporter.warning(too_large_text(pruned, limits.size))


def _housekeeping(context: typer.Context, cache_dir: Path | None, config_file: Path | None) -> Housekeeping:
    from cachi2ish.cli import wiring

    before = said_before(context)
    return wiring.housekeeping(
        Flags(
            cache_dir=cache_dir,
            config_file=config_file or before.config_file,
            drop_in=is_drop_in(context),
        )
    )


def _reporter(console: Console) -> ConsoleReporter:
    from cachi2ish.cli.display.reporting import ConsoleReporter

    return ConsoleReporter(console)


def _limits(older_than: str | None, max_size: str | None, now: datetime) -> Limits:
    from cachi2ish.core.cutoff import InvalidDateError, parse_duration
    from cachi2ish.errors import Cachi2ishError, UsageError, raise_all
    from cachi2ish.services.cache_upkeep import Limits
    from cachi2ish.settings.sizes import InvalidSizeError, parse_size

    errors: list[Cachi2ishError] = []
    unused_since: datetime | None = None
    size: int | None = None
    try:
        unused_since = None if older_than is None else now - parse_duration(older_than)
    except InvalidDateError as error:
        errors.append(UsageError(f"--older-than: {error}", hint=error.hint))
    try:
        size = None if max_size is None else parse_size(max_size)
    except InvalidSizeError as error:
        errors.append(UsageError(f"--max-size: {error}", hint=error.hint))
    raise_all(errors)
    return Limits(unused_since=unused_since, size=size)


def now_and_then(reporter: ConsoleReporter, clock: Callable[[], float]) -> Callable[[Verified], None]:
    """Return what tells a line every ten seconds; clock: seconds that only grow."""
    from cachi2ish.cli.display.cache_text import verified_text

    told = clock()

    def watch(verified: Verified) -> None:
        nonlocal told
        if clock() - told >= _PAUSE:
            told = clock()
            reporter.info(f"{verified_text(verified)} so far")

    return watch
