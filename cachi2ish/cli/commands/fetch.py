"""``cachi2ish fetch-deps``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cachi2ish.cli.commands.option_values import path_of, whole_number
from cachi2ish.cli.commands.options import (
    CacheDirOption,
    ConfigFileOption,
    ForeignFlags,
    LogLevel,
    LogLevelName,
    ModeOption,
    SbomOutputType,
    console_for,
    said_before,
)
from cachi2ish.cli.display.console import Level, errors_told, write_result
from cachi2ish.cli.display.failure_note import Aftermath
from cachi2ish.cli.program import is_drop_in, program_of
from cachi2ish.settings.flags import DEFAULT_CONCURRENCY, MOST_CONCURRENT, Flags


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
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=path_of,
            metavar="DIR",
            help="Where the result goes, as a whole. [default: cachi2ish-output, hermeto: hermeto-output]",
        ),
    ] = None,
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
    cache_dir: CacheDirOption = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor fill the shared cache.")] = False,
    offline: Annotated[
        bool | None,
        typer.Option(
            "--offline/--no-offline",
            envvar="CACHI2ISH_OFFLINE",
            help="Ask nobody: use the cache only, and say all that it lacks.",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1, MOST_CONCURRENT),
            metavar="N",
            envvar="CACHI2ISH_CONCURRENCY",
            help=f"Files under way at once, at most {MOST_CONCURRENT}. [default: {DEFAULT_CONCURRENCY}]",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            parser=path_of,
            metavar="FILE",
            help="Write what was fetched, from where, and what it took, as JSON, even if the run fails;"
            " - is standard output.",
        ),
    ] = None,
    sbom_output_type: SbomOutputType = None,
    mode: ModeOption = None,
    config_file: ConfigFileOption = None,
    foreign_flags: ForeignFlags = False,
    log_level: LogLevel = LogLevelName.UNSET,
) -> None:
    """Fetch everything that the pinned requirements of a project need, verified, into one directory."""
    console, before = console_for(context, log_level), said_before(context)
    output = output or Path(f"{program_of(context)}-output")
    if foreign_flags:
        console.say(Level.DEBUG, "flags of other package managers are accepted, and of no effect")
    aftermath = Aftermath(output=output, dry_run=dry_run)
    with errors_told(console, aftermath.told):
        from cachi2ish.cli import wiring
        from cachi2ish.cli.commands.run_report import RunReport, told_at_the_end
        from cachi2ish.cli.display.plan_text import plan_text, shares_text
        from cachi2ish.cli.display.reporting import reporter_for
        from cachi2ish.services.fetch import fetch_deps as service
        from cachi2ish.services.fetch.package_input import read_input

        flags = Flags(
            index_url=index_url,
            extra_index_urls=tuple(extra_index_url or ()),
            index_date=index_date,
            index_date_missing=tuple(index_date_missing or ()),
            cache_dir=cache_dir,
            no_cache=no_cache,
            offline=offline,
            dry_run=dry_run,
            concurrency=concurrency,
            config_file=config_file or before.config_file,
            sbom_output_type=sbom_output_type,
            mode=mode or before.mode,
            drop_in=is_drop_in(context),
        )
        with (
            reporter_for(console) as reporter,
            told_at_the_end(
                RunReport(place=report, files=wiring.files(), reporter=reporter, output=output, dry_run=dry_run)
            ),
        ):
            aftermath.progress = reporter.progress
            request = read_input(package_input)
            with wiring.ports(flags, reporter) as ports:
                aftermath.keeps = ports.keeps
                if dry_run:
                    text = plan_text(service.plan(request, source, ports, reporter))
                else:
                    outcome = service.fetch_deps(request, source, output, ports, reporter)
                    text = ""
                    for line in shares_text(outcome.shares):
                        reporter.info(line)
        if text:
            write_result(text)
