"""``cachi2ish fetch-deps``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cachi2ish.cli.console import errors_told
from cachi2ish.cli.options import LogLevel, LogLevelName, console_for
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
        Path, typer.Option("--source", "-s", metavar="DIR", help="The project; it is only read.")
    ] = Path(),
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the result goes, whole or not at all.")
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
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="CACHI2ISH_CACHE_DIR",
            help="The shared cache. [default: the user's cache directory]",
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor fill the shared cache.")] = False,
    concurrency: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=256, envvar="CACHI2ISH_CONCURRENCY", help="Files under way at once."),
    ] = DEFAULT_CONCURRENCY,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Fetch everything that the pinned requirements of a project need, verified, into one directory."""
    console = console_for(context, log_level)
    with errors_told(console):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.plan_text import plan_text
        from cachi2ish.services import fetch_deps as service
        from cachi2ish.services.package_input import read_input

        request = read_input(package_input)
        flags = Flags(
            index_url=index_url,
            extra_index_urls=tuple(extra_index_url or ()),
            cache_dir=cache_dir,
            no_cache=no_cache or dry_run,
            concurrency=concurrency,
        )
        with reporter_for(console) as reporter, wiring.ports(flags, reporter) as ports:
            if dry_run:
                text = plan_text(service.plan(request, source, ports, reporter))
            else:
                service.fetch_deps(request, source, output, ports, reporter)
                text = ""
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            reporter.info(_summary(reporter, output))


def _summary(reporter: ConsoleReporter, output: Path) -> str:
    counts = reporter.counts
    fetched = counts.arrived - counts.cached
    return (
        f"{counts.arrived} file{'' if counts.arrived == 1 else 's'}, {readable_size(counts.size)}, in {output}"
        f" ({fetched} from the network, {counts.cached} from the cache)"
    )
