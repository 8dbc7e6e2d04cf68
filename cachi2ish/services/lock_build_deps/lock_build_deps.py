"""``lock-build-deps``: from the input of ``fetch-deps`` to a lock of what its sdists are built with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from cachi2ish.build.interface import Machine, Plan, Planner, Release, Rung
from cachi2ish.core.as_of import Dating
from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.cutoff import Cutoff, rfc3339
from cachi2ish.core.digests import Digest, strong
from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.pages import Page
from cachi2ish.core.requirements import Formats, Git, Indexes, IndexOptions, Url
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Cachi2ishError, InputError, raise_all
from cachi2ish.index.interface import PageQuery
from cachi2ish.sandbox.interface import HookRunner
from cachi2ish.services.fetch.choosing import choose_all, wanted
from cachi2ish.services.fetch.dating import announce, refuse_unused_digests
from cachi2ish.services.fetch.input.package_input import RequestInput
from cachi2ish.services.fetch.ports import Network, Ports, Run
from cachi2ish.services.fetch.reading import Reading, SourcePackage, read
from cachi2ish.services.lock_build_deps.findings import (
    crates_of,
    cycle_left,
    failures_of,
    marker_of,
    remedies_of,
    stages_of,
)
from cachi2ish.services.lock_build_deps.index_releases import IndexReleases
from cachi2ish.services.lock_build_deps.lock_text import Pins, constraints_text, lock_text
from cachi2ish.services.lock_build_deps.real_hooks import RealHooks
from cachi2ish.services.lock_build_deps.roots import (
    Place,
    Wanted,
    machines_of,
    of_address,
    of_choice,
    own_projects,
    pinned_releases,
)
from cachi2ish.services.lock_build_deps.sdist_files import SdistFiles
from cachi2ish.services.progress import Doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says beside the input.

    targets: the machines that build, where the input names none. tools: programs that are there.
    constraints: by normalised name. apart: names of sdists, or of projects, that are built with what there was
    after their own upload; ``:all:`` for all; apart_by: where these names stand. hooks: calls those of back-ends;
    None where nothing may be run.
    """

    targets: tuple[Target, ...] = ()
    tools: frozenset[str] = frozenset()
    constraints: Mapping[str, SpecifierSet] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    apart_by: str = "--as-of-upload"
    hooks: HookRunner | None = None


@dataclass(frozen=True, slots=True)
class BuildLock:
    """What a run has found. text: of the lock. constraints: of each stage, by its name. warnings: sentences."""

    text: str
    constraints: Mapping[str, str]
    warnings: tuple[str, ...]
    releases: int
    builds: int


def lock_build_deps(
    request: RequestInput, source: Path, planner: Planner, options: Options, ports: Ports, run: Run
) -> BuildLock:
    """Return the lock of what everything that ``request`` would fetch is built with.

    Nothing of it is run, but for hooks in the sandbox where there is a runner in the options.
    Raises the errors of the first stage that fails, all of them together.
    """
    source = source.absolute()
    if options.hooks is not None:
        options.hooks.check()
    run.reporter.stage(Doing("read"))
    # What this writes is not read: the last one may not hold any more.
    own = dict.fromkeys(("requirements_build_files", "build_constraint_files", "build_as_of_upload"), ())
    packages = tuple(replace(one, **own, build_dependencies=None) for one in request.packages)
    reading = read(replace(request, packages=packages), source, ports.sources, run)
    announce([(package.main.path, package.dates) for package in reading.packages], run.now, run.reporter)
    locks = [lock for package in reading.packages for lock in package.locks]
    network = ports.connect([IndexOptions(None, lock.index_urls, lock.trusted_hosts) for lock in locks], source)
    return lock_of(reading, source, planner, options, network, ports, run, run.reporter.stage)


def lock_of(
    reading: Reading,
    source: Path,
    planner: Planner,
    options: Options,
    network: Network,
    ports: Ports,
    run: Run,
    on_stage: Callable[[Doing], None],
) -> BuildLock:
    """Return the lock for what was read already; ``on_stage`` is called as each stage begins."""
    on_stage(Doing("choose", local=network.local))
    with ThreadPoolExecutor(run.concurrency, thread_name_prefix="sdist") as pool:
        try:
            return _Locking(reading, source, planner, options, network, ports, run, pool).lock(on_stage)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Locking:
    """One run, once its lock files are read."""

    def __init__(
        self,
        reading: Reading,
        source: Path,
        planner: Planner,
        options: Options,
        network: Network,
        ports: Ports,
        run: Run,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._reading, self._source, self._planner, self._options = reading, source, planner, options
        self._network, self._ports, self._run, self._pool = network, ports, run, pool
        archives = ports.archives
        self._files = SdistFiles(
            network.downloader,
            network.metadata() if network.metadata else None,
            planner.requires_dist,
            archives.facts,
            archives.recollection,
            run.reporter,
        )
        self._machines = OncePerKey(self._machines_of)
        self._package = self._one_policy()
        self._releases = IndexReleases(
            self._page_of(self._package), self._package.policy, self._formats, self._files, pool, planner.declared
        )

    def lock(self, on_stage: Callable[[Doing], None]) -> BuildLock:
        """Return the lock."""
        places = self._places()
        on_stage(Doing("transfer", local=self._network.local))
        roots = [place.root for place in places]
        pinned = pinned_releases(self._reading)
        apart = stages_of(self._options.apart, places, self._options.apart_by)
        hooks = self._hooks(places)
        plan = self._planner.plan(roots, self._releases, pinned, self._options.constraints, apart, hooks)
        raise_all((*failures_of(plan, places), *map(cycle_left, plan.left)))
        on_stage(Doing("record"))
        warnings = tuple(dict.fromkeys((*self._unknown(plan), *self._crates(plan), *remedies_of(plan))))
        machines = tuple(dict.fromkeys(machine for root in roots for machine in root.machines))
        pins = Pins(
            as_of=self._as_of(),
            machines=machines,
            tools=self._options.tools.union(*(one.tools for one in self._reading.packages)),
            digests=self._digests,
            marker=lambda release: marker_of(release, machines, self._releases),
            dependencies=self._releases.dependencies,
            notes=warnings,
        )
        return BuildLock(
            text=lock_text(plan, pins),
            constraints={stage.name: constraints_text(stage) for stage in plan.stages if stage.name},
            warnings=warnings,
            releases=len(plan.used),
            builds=len({build for stage in plan.stages for build, _ in stage.environments}),
        )

    def _hooks(self, places: tuple[Place, ...]) -> RealHooks | None:
        if self._options.hooks is None:
            return None
        archives, info = self._ports.archives, self._run.reporter.info
        hooks = RealHooks(self._options.hooks, places, self._releases, self._files, archives.recollection, info)
        hooks.check()
        return hooks

    def _one_policy(self) -> SourcePackage:
        first, *others = self._reading.packages
        if any((one.policy, one.dates) != (first.policy, first.dates) for one in others):
            raise InputError(
                "the packages of the input differ in the files that may be taken, or in their dates",
                hint="lock the build requirements of each alone: name one package at a time",
            )
        return first

    def _machines_of(self, package: SourcePackage) -> tuple[Machine, ...]:
        own = self._ports.archives.facts().of_folder(self._source / package.main.path)
        requires_python = own.requires_python if own is not None else ""
        return machines_of(package, self._options.targets, self._options.tools | package.tools, requires_python)

    def _places(self) -> tuple[Place, ...]:
        """Return all that is built, looked into: sdists are read while other requirements are still chosen."""
        futures: dict[tuple[str, int, str], Future[Place]] = {}

        def begin(found: Iterable[Wanted]) -> None:
            for one in found:
                key = (one.origin.file, one.origin.line or 0, one.filename)
                futures[key] = self._pool.submit(self._look, one)

        by_requirement = {
            one: package
            for package in self._reading.packages
            for lock in package.locks
            for one in lock.requirements
        }

        def on_choice(choice: Choice) -> None:
            package = by_requirement[choice.requirement]
            machines = self._machines(package)
            begin(of_choice(choice, machines, self._files, choice.requirement.marker))

        for one, package in by_requirement.items():
            if isinstance(one, Url | Git) and package.policy.wants(one.marker):
                begin(of_address(one, self._machines(package), self._files, self._ports.sources.repositories))
        chosen = wanted(self._reading, self._run.indexes)
        choose_all(chosen, self._network.index, max(2, self._run.concurrency // 3), on_choice)
        errors: list[Cachi2ishError] = []
        places: list[Place] = list(
            own_projects(self._reading, self._source, self._ports.archives.facts(), self._machines)
        )
        for place in places:
            self._releases.warm(self._planner.declared(place.root.build.facts))
        for key in sorted(futures):
            try:
                places.append(futures[key].result())
            except Cachi2ishError as error:
                errors.append(error)
        raise_all(errors)
        return tuple(places)

    def _look(self, one: Wanted) -> Place:
        place = one.place()
        self._releases.warm(self._planner.declared(place.root.build.facts))
        return place

    def _page_of(self, package: SourcePackage) -> Callable[[str, Rung], Page]:
        addresses = self._run.indexes.of(Indexes())
        refuse_unused_digests(package.dates.digests, {address.bare for address in addresses})

        def page(project: str, rung: Rung) -> Page:
            name = canonicalize_name(project)
            usual = package.dates.of(name)
            dating = usual
            if rung.latest:
                dating = Dating(digests=usual.digests)
            elif rung.before is not None:
                dating = Dating(Cutoff(rung.before), package.dates.missing, usual.digests)
            query = PageQuery(as_of_date=dating.cutoff is not None)
            return self._network.index(addresses, dating).page(name, query)

        return page

    def _formats(self, project: str) -> Formats:
        """Return what pip takes of a build requirement: it passes ``--no-binary`` on to where it builds."""
        locks = self._package.locks
        everywhere = [lock.format_control.permits(project) is Formats.SDISTS for lock in locks]
        return Formats.SDISTS if everywhere and all(everywhere) else Formats.BOTH

    def _digests(self, release: Release) -> Collection[Digest]:
        files = self._releases.all_files(release)
        found = {one for file in files for one in strong(file.digests) if one.algorithm == "sha256"}
        return found or {one for file in files for one in strong(file.digests)}

    def _as_of(self) -> str:
        dates = self._package.dates
        if dates.cutoff is None:
            return (
                f"{rfc3339(self._run.now.replace(microsecond=0))}, when it was made; name a date to have it again"
            )
        return str(dates.cutoff)

    def _unknown(self, plan: Plan) -> Iterable[str]:
        for stage in plan.stages:
            for (build, _), environment in stage.environments.items():
                for clause in environment.unknown:
                    yield f"not known: {clause} ({build.name})"

    def _crates(self, plan: Plan) -> Iterable[str]:
        for stage in plan.stages:
            for build, _ in stage.environments:
                if self._planner.needs_crates(build.facts):
                    yield crates_of(build.name, build.facts)
