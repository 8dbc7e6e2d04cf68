"""The whole comparison, from top to bottom: mirrors, servers, rounds, results."""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from benchmarks.cases import LIMIT, PRODUCT, TITLES, Case, case_name
from benchmarks.failures import BenchmarkError, CannotMeasureError
from benchmarks.machine import describe_machine, load
from benchmarks.measuring import Run, modules_of, run_once
from benchmarks.report import table
from benchmarks.rows import HELP, ROWS, Row, targets
from benchmarks.servers import Choice, choose_server
from benchmarks.stages import Setting, Stage, loopback, made_up, over_the_line
from benchmarks.tools import find_tools

_SMALL = Path(__file__).with_name("requirements.txt")
_LARGE = Path(__file__).with_name("large.txt")

_MEANING = """\
Ratios are made round by round: the median, and in brackets the least and the greatest. Beside them stand medians;
"MB" is what the server sent. Seconds are those of this machine at this moment: compare ratios and counts. On
loopback there is no line, so that "to the limit" is there what pages, digests and the record cost beside bare
copying, and not how much longer a prefetch takes over a network."""


@dataclass(frozen=True)
class Options:
    """What the command line says; there each one is explained."""

    rounds: int
    seed: int
    rows: tuple[Row, ...]
    cases: re.Pattern[str]
    list: bool
    server: Choice
    tool: str | None
    requirements: Path | None
    folder: Path
    json: Path | None


@dataclass
class _Results:
    """What has been found so far. reasons: why a case was not run, by its name."""

    runs: list[Run] = field(default_factory=list)
    modules: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def compare(options: Options, index_url: str | None) -> None:
    """Make the comparison and print it. ``index_url``: where the mirrors are made from; None is PyPI.

    Raises BenchmarkError, after the rest is printed for what went wrong with a part of it, and OSError for files
    that cannot be read or written.
    """
    wanted = _wanted(options)
    if options.list:
        print(*(f"row {row.name}: {row.figure}" for row in _rows(options)), *wanted, sep="\n")
        return
    tools, server = find_tools(options.tool), choose_server(options.server)
    if options.json:
        options.json.touch()  # a place that cannot be written to is told now, and not in some minutes
    started, results = time.monotonic(), _Results()
    introduction = (
        f"machine: {describe_machine()}; load before the first run: {load()}",
        f"server: {server.title}",
        f"tools: {'; '.join(tools.versions())}",
        f"rounds: {options.rounds} after a rehearsal, shuffled with seed {options.seed}",
        *(f"left out: {name}, which is not here" for name in tools.missing()),
    )
    print("\n".join(introduction), flush=True)
    failed: list[BenchmarkError] = []
    setting = Setting(
        options.folder.absolute(), tools, server, index_url or PYPI_SIMPLE_ENDPOINT, wanted, _progress
    )
    for groups, opened in _stages(setting, options):
        names = [case_name(*pair) for pair in _pairs(groups)]
        if not set(names) & set(wanted):
            continue
        try:
            with opened as stage:
                _take_turns(stage, options, results)
        except CannotMeasureError as error:
            results.reasons |= dict.fromkeys(names, str(error))
            print(f"left out: {', '.join(groups)}: {error}")
        except BenchmarkError as error:
            # What the other rows have taken some minutes for is not lost with it.
            failed.append(error)
            results.reasons |= dict.fromkeys(names, str(error))
            print(f"given up: {', '.join(groups)}: {error}")
    _print_results(options, results, time.monotonic() - started)
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in results.runs], indent=1) + "\n")
    if failed:
        raise failed[0]


def _stages(setting: Setting, options: Options) -> Iterator[tuple[tuple[str, ...], AbstractContextManager[Stage]]]:
    """What runs where: groups of cases, and the place for them, which is made when it is entered."""
    small = (options.requirements or _SMALL).read_text()
    yield ("sdists", "wheels"), loopback(setting, small, "sdists", "wheels")
    large = _LARGE.read_text()
    shaped = tuple(group for group in TITLES if group.startswith("line "))
    yield shaped, over_the_line(setting, large, *shaped)
    yield ("unshaped sdists",), loopback(setting, large, "unshaped sdists")
    yield ("scale",), made_up(setting)


def _pairs(groups: Collection[str]) -> list[tuple[str, str]]:
    return [(group, title) for group in groups for title in TITLES[group]]


def _rows(options: Options) -> tuple[Row, ...]:
    """Without those that a list of one's own has no cases for."""
    if options.requirements is None:
        return options.rows
    groups = ("sdists: ", "wheels: ", HELP)
    return tuple(row for row in options.rows if all(name.startswith(groups) for name in row.cases))


def _wanted(options: Options) -> tuple[str, ...]:
    """Return the names of the cases to run: those that the chosen rows need, or all."""
    groups = ("sdists", "wheels") if options.requirements else tuple(TITLES)
    names = [case_name(*pair) for pair in _pairs(groups)]
    if options.rows != ROWS:
        needed = {name for row in options.rows for name in row.cases}
        # --help is measured where the other runs of a small list are.
        needed |= {case_name("sdists", PRODUCT)} if HELP in needed else set()
        names = [name for name in names if name in needed]
    chosen = tuple(name for name in names if options.cases.search(name))
    if not chosen:
        raise BenchmarkError(f"no case has a name with {options.cases.pattern!r} in it; --list prints them")
    return chosen


def _take_turns(stage: Stage, options: Options, results: _Results) -> None:
    results.reasons |= stage.missing
    if len(stage.cases) == 1 and stage.missing:
        return  # nothing is left that it could be compared with
    print(f"files: {stage.about}", flush=True)
    order = random.Random(options.seed)
    able = _rehearse(stage, results)
    for turn in range(1, options.rounds + 1):
        for number, case in enumerate(order.sample(able, len(able)), 1):
            _progress(f"round {turn} of {options.rounds}, {number} of {len(able)}: {case.name}")
            results.runs.append(run_once(case, turn, stage.log))
    _count_modules(able, options, results)


def _rehearse(stage: Stage, results: _Results) -> list[Case]:
    """Run each case once without counting it, which fills the caches that are kept; return those that work.

    Another tool that cannot do it on this machine is left out. Raises BenchmarkError if it is cachi2ish or curl.
    """
    able = []
    for number, case in enumerate(stage.cases, 1):
        _progress(f"rehearsal, {number} of {len(stage.cases)}: {case.name}")
        try:
            run_once(case, 0, stage.log)
        except BenchmarkError as error:
            if case.is_needed:
                raise
            results.reasons[case.name] = str(error)
            print(f"left out: {error}")
        else:
            able.append(case)
    return able


def _count_modules(cases: Sequence[Case], options: Options, results: _Results) -> None:
    needed = {row.over for row in _rows(options) if row.modules}
    for case in cases:
        if case.name in needed:
            results.modules[case.name] = modules_of(case)
        if case.name == case_name("sdists", PRODUCT) and HELP in needed:
            results.modules[HELP] = modules_of(replace(case, command=(case.command[0], "--help")))


def _print_results(options: Options, results: _Results, seconds: float) -> None:
    print(f"\ntargets\n\n{targets(_rows(options), results.runs, results.modules, results.reasons)}")
    for group in TITLES:
        if any(run.case.startswith(f"{group}: ") for run in results.runs):
            print(f"\n{group}\n\n{table(results.runs, group, LIMIT, PRODUCT)}")
    print(f"\n{_MEANING}\n\nload after the last run: {load()}; it took {seconds / 60:.0f} minutes")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
