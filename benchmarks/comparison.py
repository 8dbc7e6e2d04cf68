"""The whole comparison, from top to bottom: mirror, server, rounds, results."""

from __future__ import annotations

import fcntl
import hashlib
import json
import random
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from benchmarks.cases import LIMIT, PRODUCT, Bench, Case, Group, environment
from benchmarks.certificates import make_certificates
from benchmarks.failures import BenchmarkError
from benchmarks.machine import describe_machine, load
from benchmarks.measuring import Run, run_once
from benchmarks.mirror import Mirror, build
from benchmarks.pages import write_pages
from benchmarks.report import table
from benchmarks.servers import Choice, choose_server
from benchmarks.serving import Plan, free_addresses
from benchmarks.sources import write_sources
from benchmarks.tools import Tools, find_tools
from benchmarks.workload import read_pins

_MEANING = """\
Ratios are made round by round: the median, and in brackets the least and the greatest. Beside them stand medians;
"MB" is what the server sent. Seconds are those of this machine at this moment: compare ratios and counts. There is
no line on loopback, so that "to the limit" is what pages, digests and the record cost beside bare copying, and not
how much longer a prefetch takes over a network."""


@dataclass(frozen=True)
class Options:
    """What the command line says; there each one is explained."""

    rounds: int
    seed: int
    cases: re.Pattern[str]
    list: bool
    server: Choice
    tool: str | None
    requirements: Path
    folder: Path
    json: Path | None


def compare(options: Options, index_url: str | None) -> None:
    """Make the comparison and print it. ``index_url``: where the mirror is made from; None is PyPI.

    Raises BenchmarkError, and OSError for files that cannot be read or written.
    """
    tools, server = find_tools(options.tool), choose_server(options.server)
    requirements = options.requirements.read_text()
    # One folder for each list, so that no page is older than the list that it is chosen from.
    folder = options.folder.absolute() / hashlib.sha256(requirements.encode()).hexdigest()[:12]
    if options.json:
        options.json.touch()  # a place that cannot be written to is told now, and not in some minutes
    with _alone_in(folder):
        mirror = build(folder, read_pins(requirements), index_url or PYPI_SIMPLE_ENDPOINT, _progress)
        plan = Plan(mirror.site, folder / "server", free_addresses(), make_certificates(folder / "server"))
        bench = _bench(folder, tools, mirror, plan, requirements)
        chosen = [case for case in bench.cases() if options.cases.search(case.name)]
        if not chosen:
            raise BenchmarkError(f"no case has a name with {options.cases.pattern!r} in it; --list prints them")
        if options.list:
            print(*(case.name for case in chosen), sep="\n")
            return
        print(_introduction(tools, server.title, mirror, options))
        write_pages(mirror, plan.addresses.files_url)
        with server.serve(plan):
            runs = list(_rounds(chosen, options, plan.log))
    _print_results(runs)
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")


def _bench(folder: Path, tools: Tools, mirror: Mirror, plan: Plan, requirements: str) -> Bench:
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    settings = environment(work, plan.certificates.authority)
    sources = write_sources(work / "sources", requirements, plan.addresses, settings)
    return Bench(tools, mirror, plan, sources, work)


def _rounds(cases: Sequence[Case], options: Options, log: Path) -> Iterator[Run]:
    order = random.Random(options.seed)
    able = _rehearse(cases, log)
    for turn in range(1, options.rounds + 1):
        for number, case in enumerate(order.sample(able, len(able)), 1):
            _progress(f"round {turn} of {options.rounds}, {number} of {len(able)}: {case.name}")
            yield run_once(case, turn, log)


def _rehearse(cases: Sequence[Case], log: Path) -> list[Case]:
    """Run each case once without counting it, which fills the caches that are kept; return those that work.

    Another tool that cannot do it on this machine is left out. Raises BenchmarkError if it is cachi2ish or curl.
    """
    able = []
    for number, case in enumerate(cases, 1):
        _progress(f"rehearsal, {number} of {len(cases)}: {case.name}")
        try:
            run_once(case, 0, log)
        except BenchmarkError as error:
            if case.is_needed:
                raise
            print(f"left out: {error}")
        else:
            able.append(case)
    return able


def _introduction(tools: Tools, server: str, mirror: Mirror, options: Options) -> str:
    size = sum((mirror.site / each.file.path).stat().st_size for each in mirror.held) / 1e6
    lines = [
        f"machine: {describe_machine()}; load before the first run: {load()}",
        f"server: {server}",
        f"tools: {'; '.join(tools.versions())}",
        f"files: {len(mirror.projects)} projects, an sdist and a wheel of each, {size:.1f} MB",
        f"rounds: {options.rounds} after a rehearsal, shuffled with seed {options.seed}",
        *(f"left out: {name}, which is not here" for name in tools.missing()),
    ]
    return "\n".join(lines)


def _print_results(runs: Sequence[Run]) -> None:
    for group in get_args(Group):
        if any(run.case.startswith(f"{group}: ") for run in runs):
            print(f"\n{group}\n\n{table(runs, group, LIMIT, PRODUCT)}")
    print(f"\n{_MEANING}\n\nload after the last run: {load()}")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BenchmarkError(f"another benchmark is running in {folder}") from error
        yield
