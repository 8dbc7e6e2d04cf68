"""``cachi2ish fetch-deps``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cachi2ish.cli.console import errors_told, write_result
from cachi2ish.cli.options import LogLevel, LogLevelName, console_for, path_of
from cachi2ish.cli.reporting import ConsoleReporter, readable_size, reporter_for
from cachi2ish.cli.settings import DEFAULT_CONCURRENCY, Flags


def fetch_deps(
    context: typer.Context,
    package_input: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="""What to prefetch: pip, a JSON object such as '{"type": "pip"}', a JSON list of them,"""
            """ '{"packages": [...]}', or the path of a file that holds one of these.""",
        ),
    ],
    source: Annotated[
        Path,
        typer.Option("--source", "-s", parser=path_of, metavar="DIR", help="The project; it is only read."),
    ] = Path(),
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=path_of, metavar="DIR", help="Where the result goes, whole or not at all."
        ),
    ] = Path("cachi2ish-output"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be fetched, and write nothing.")
    ] = False,
    index_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="CACHI2ISH_INDEX_URL",
            help="The index to ask. [default: pip's setting, else PyPI]",
        ),
    ] = None,
    extra_index_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            envvar="CACHI2ISH_EXTRA_INDEX_URL",
            help="An index to ask for projects that the ones before it do not have; may be repeated.",
        ),
    ] = None,
    index_date: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            envvar="CACHI2ISH_INDEX_DATE",
            help="Read indexes as of then: 2024-10-01 (the end of that day, UTC), 2024-10-01T12:00:00Z, or a"
            " duration back from now such as '7 days' or P7D.",
        ),
    ] = None,
    index_date_missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[URL=]WORD",
            envvar="CACHI2ISH_INDEX_DATE_MISSING",
            help="With a date: refuse or allow files without upload time, on all indexes or on the one at URL;"
            " may be repeated. [default: refuse]",
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            parser=path_of,
            metavar="DIR",
            envvar="CACHI2ISH_CACHE_DIR",
            help="The shared cache. [default: the user's cache directory]",
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor fill the shared cache.")] = False,
    concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=256,
            envvar="CACHI2ISH_CONCURRENCY",
            help=f"Files under way at once. [default: {DEFAULT_CONCURRENCY}]",
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            parser=path_of,
            metavar="FILE",
            envvar="CACHI2ISH_CONFIG_FILE",
            help="Settings in TOML. [default: cachi2ish/config.toml in the user's configuration directory]",
        ),
    ] = None,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Fetch everything that the pinned requirements of a project need, verified, into one directory."""
    console = console_for(context, log_level)
    with errors_told(console):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.plan_text import plan_text, shares_text
        from cachi2ish.services import fetch_deps as service
        from cachi2ish.services.package_input import read_input

        request = read_input(package_input)
        flags = Flags(
            index_url=index_url,
            extra_index_urls=tuple(extra_index_url or ()),
            index_date=index_date,
            index_date_missing=tuple(index_date_missing or ()),
            cache_dir=cache_dir,
            no_cache=no_cache or dry_run,
            concurrency=concurrency,
            config_file=config_file,
        )
        with reporter_for(console) as reporter, wiring.ports(flags, reporter) as ports:
            if dry_run:
                text = plan_text(service.plan(request, source, ports, reporter))
            else:
                outcome = service.fetch_deps(request, source, output, ports, reporter)
                text = ""
                for line in shares_text(outcome.shares):
                    reporter.info(line)
        if text:
            write_result(text)
        else:
            reporter.info(_summary(reporter, output))


def _summary(reporter: ConsoleReporter, output: Path) -> str:
    counts = reporter.counts
    fetched = counts.arrived - counts.cached
    return (
        f"{counts.arrived} file{'' if counts.arrived == 1 else 's'}, {readable_size(counts.size)}, in {output}"
        f" ({fetched} from the network, {counts.cached} from the cache)"
    )
