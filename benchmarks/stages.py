"""Where cases take turns: a mirror, its server, what lies between them and the tools."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import FEW, TITLES, Bench, Case, case_name, environment
from benchmarks.certificates import make_certificates
from benchmarks.failures import BenchmarkError, CannotMeasureError
from benchmarks.line import SERVER, open_line
from benchmarks.mirror import Mirror, build
from benchmarks.nginx import Nginx
from benchmarks.pages import write_pages
from benchmarks.serving import Plan, Server, free_addresses
from benchmarks.sources import lock, write_source, write_sources
from benchmarks.synthetic import VERSIONS, make_mirror, pins_of
from benchmarks.tools import Tools
from benchmarks.workload import read_pins


@dataclass(frozen=True)
class Setting:
    """What all stages share. index_url: where mirrors are made from. wanted: the names of the cases to make."""

    folder: Path
    tools: Tools
    server: Server
    index_url: str
    wanted: Collection[str]
    say: Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """A server that runs, and the cases that ask it.

    log: of the server. missing: why a case could not be made, by its name.
    """

    about: str
    cases: tuple[Case, ...]
    log: Path
    missing: dict[str, str]


def wanted_of(setting: Setting, *groups: str) -> tuple[tuple[str, str], ...]:
    pairs = ((group, title) for group in groups for title in TITLES[group])
    return tuple(pair for pair in pairs if case_name(*pair) in setting.wanted)


@contextmanager
def loopback(setting: Setting, requirements: str, *groups: str) -> Iterator[Stage]:
    """A mirror of a list of pins, without anything between it and the tools."""
    with _alone(setting, requirements) as folder:
        mirror = _mirror(setting, folder, requirements)
        with _served(setting, folder, requirements, mirror, groups) as stage:
            yield stage


@contextmanager
def over_the_line(setting: Setting, requirements: str, *groups: str) -> Iterator[Stage]:
    """The same behind a line. Raises CannotMeasureError where there can be none."""
    if not isinstance(setting.server, Nginx):
        raise CannotMeasureError("the line needs nginx, which is not here (or --server python was given)")
    with open_line() as line, _alone(setting, requirements) as folder:
        mirror = _mirror(setting, folder, requirements)
        ends = (line.server, line.client)
        with _served(setting, folder, requirements, mirror, groups, ends, f", over {line}") as stage:
            yield stage


@contextmanager
def made_up(setting: Setting) -> Iterator[Stage]:
    """Two thousand small projects, of which one case takes two hundred."""
    few, many = (int(title.partition(" ")[0].replace(",", "")) for title in TITLES["scale"])
    with _alone(setting, f"made up, {many}") as folder:
        setting.say(f"making {many} projects")
        mirror = make_mirror(folder, many)
        plan = _plan(folder, mirror)
        bench = _bench(setting, folder, mirror, plan, lock(pins_of(mirror), _digests(mirror)))
        cases = []
        for _, title in wanted_of(setting, "scale"):
            count = few if title == FEW else many
            chosen = Mirror(mirror.site, mirror.projects[:count], mirror.held[:count])
            text = f"--index-url {plan.addresses.index_url}\n{lock(pins_of(chosen), _digests(chosen))}"
            settings = environment(folder / "work", plan.certificates.authority)
            source = write_source(folder / "work" / "sources" / str(count), text, settings)
            cases.append(bench.scale_case(title, source, chosen.held))
        about = f"{many} made-up projects on loopback, {many * VERSIONS} files on their pages"
        with setting.server.serve(plan):
            yield Stage(about, tuple(cases), plan.log, {})


@contextmanager
def _served(
    setting: Setting,
    folder: Path,
    requirements: str,
    mirror: Mirror,
    groups: Sequence[str],
    ends: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    between: str = " on loopback",
) -> Iterator[Stage]:
    server, client = ends
    plan = _plan(folder, mirror, server)
    bench = _bench(setting, folder, mirror, plan, requirements, client)
    cases, missing = [], {}
    for group, title in wanted_of(setting, *groups):
        try:
            cases.append(bench.case(group, title))
        except CannotMeasureError as error:
            missing[case_name(group, title)] = str(error)
    size = sum((mirror.site / each.file.path).stat().st_size for each in mirror.held) / 1e6
    about = f"{len(mirror.projects)} projects, an sdist and a wheel of each, {size:.1f} MB{between}"
    with setting.server.serve(plan):
        yield Stage(about, tuple(cases), plan.log, missing)


def _mirror(setting: Setting, folder: Path, requirements: str) -> Mirror:
    return build(folder, read_pins(requirements), setting.index_url, setting.say)


def _plan(folder: Path, mirror: Mirror, within: tuple[str, ...] = ()) -> Plan:
    host = SERVER if within else "127.0.0.1"
    plan = Plan(mirror.site, folder / "server", free_addresses(host), make_certificates(folder / "server"), within)
    write_pages(mirror, plan.addresses.files_url)
    return plan


def _bench(
    setting: Setting, folder: Path, mirror: Mirror, plan: Plan, requirements: str, client: tuple[str, ...] = ()
) -> Bench:
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    settings = environment(work, plan.certificates.authority)
    sources = write_sources(work / "sources", requirements, _digests(mirror), plan.addresses, settings)
    return Bench(setting.tools, mirror, plan, sources, work, client)


def _digests(mirror: Mirror) -> frozenset[str]:
    return frozenset(each.file.sha256 for each in mirror.held)


@contextmanager
def _alone(setting: Setting, requirements: str) -> Iterator[Path]:
    """Hold the folder of a list, which has one for itself: no page is older than what it is chosen from."""
    folder = setting.folder / hashlib.sha256(requirements.encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BenchmarkError(f"another benchmark is running in {folder}") from error
        yield folder
