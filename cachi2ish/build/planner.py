"""From builds to the set of versions with which all of them are built: the ladder, the stages, the cycles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cachi2ish.build.crates import needs_crates
from cachi2ish.build.cycles import Resolved, resolve_cycles
from cachi2ish.build.declared import requires_dist
from cachi2ish.build.fixpoint import Bounds, Closure, close
from cachi2ish.build.interface import (
    IMPLICIT,
    USUAL,
    Build,
    Failed,
    Hooks,
    Machine,
    Plan,
    Release,
    Releases,
    Remedy,
    Root,
    Rung,
    SdistFacts,
    Stage,
)
from cachi2ish.build.rules.question import Question
from cachi2ish.build.rules.registry import answer

ALL = ":all:"

#: Before it, pip and setuptools could not yet build by PEP 517 as they do now: older sdists are built with what
#: there was then. Measured: see docs/explanation/build-requirements.md.
FLOOR = datetime(2020, 2, 1, tzinfo=UTC)

_DAY = timedelta(days=1)


def own_time(build: Build) -> Rung | None:
    """Return as of when there was what a build was made for: the day after its upload; None where nobody knows."""
    return None if build.uploaded is None else Rung(max(build.uploaded, FLOOR) + _DAY)


class BuildPlanner:
    """Implements `Planner`. Pure, but for what it asks of the releases."""

    def plan(
        self,
        roots: Sequence[Root],
        releases: Releases,
        pinned: Collection[Release],
        constraints: Mapping[str, SpecifierSet],
        apart: Collection[str] = (),
        hooks: Hooks | None = None,
    ) -> Plan:
        """Return the set of versions with which all of ``roots`` are built."""
        bounds = Bounds(lambda project, version: _fits(constraints, project, version))
        alone = [one for one in roots if ALL in apart or one.build.name in apart]
        stages: list[Stage] = []
        done: list[Resolved] = []
        for root in alone:
            rung = own_time(root.build) or USUAL
            found = _solved([root], releases, (), bounds, rung, hooks=hooks)
            done.append(found)
            environments = found.closure.environments
            stages.append(Stage(root.build.name, environments, _constraints(found.closure), rung.before))
        beside = frozenset(pinned).union(*(one.closure.used for one in done))
        others = [one for one in roots if one not in alone]
        shared = _solved(others, releases, beside, bounds, USUAL, pinned, hooks)
        done.append(shared)
        # In the directory there is more than in a stage: what the constraints leave must do.
        union = frozenset(beside | shared.closure.used)
        failed = [one for found in done for one in found.closure.failed]
        failed += [one for stage in stages for one in _contradicted(stage, alone, releases, union, hooks)]
        wheels = {one.wheel for found in done for one in found.remedies if one.wheel is not None}
        times = {build: rung.before for found in done for build, rung in found.closure.fallbacks.items()}
        remedies: dict[str, Remedy] = {}
        for one in (remedy for found in done for remedy in found.remedies):
            remedies.setdefault(f"{one.cycle} {one.moved} {one.wheel}", one)
        return Plan(
            stages=(Stage("", shared.closure.environments), *stages),
            used=frozenset().union(*(one.closure.used for one in done)),
            failed=tuple(failed),
            remedies=tuple(remedies.values()),
            left=tuple(one for found in done for one in found.left),
            wheels=frozenset(wheels),
            fallbacks=tuple((build, time) for build, time in times.items() if time is not None),
        )

    def declared(self, facts: SdistFacts) -> tuple[str, ...]:
        """Return the requirements of a build that are known without an environment."""
        return (*(IMPLICIT if facts.is_legacy else facts.requires or ()), *facts.setup_requires)

    def added(
        self, facts: SdistFacts, machine: Machine, installed: Mapping[str, Version]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what the back-end adds by its rule, and what is not known of that."""
        found = answer(Question(facts, machine, installed))
        return found.requires, found.unknown

    def requires_dist(self, metadata: bytes) -> tuple[str, ...]:
        """Return ``Requires-Dist`` of a wheel's METADATA."""
        return requires_dist(metadata)[0]

    def needs_crates(self, facts: SdistFacts) -> bool:
        """Return whether building takes packages of a registry of Rust."""
        return needs_crates(facts)


def _fits(constraints: Mapping[str, SpecifierSet], project: str, version: Version) -> bool:
    constraint = constraints.get(project)
    return constraint is None or constraint.contains(version, prereleases=True)


def _solved(
    roots: Sequence[Root],
    releases: Releases,
    beside: Collection[Release],
    bounds: Bounds,
    usual: Rung,
    fixed: Collection[Release] = (),
    hooks: Hooks | None = None,
) -> Resolved:
    def solve(within: Bounds) -> Closure:
        return close(roots, releases, beside, within, own_time, usual, hooks)

    return resolve_cycles(solve, releases, bounds, fixed, releases.admit_wheel)


def _constraints(closure: Closure) -> tuple[tuple[str, str], ...]:
    """Return what keeps an installer to the versions of a stage: the exact one, or the newest of several."""
    versions: dict[str, list[Version]] = {}
    for project, version in closure.used:
        versions.setdefault(project, []).append(version)
    return tuple(
        (project, f"=={found[0]}" if len(found) == 1 else f"<={max(found)}")
        for project, found in sorted(versions.items())
    )


def _contradicted(
    stage: Stage, alone: Sequence[Root], releases: Releases, union: frozenset[Release], hooks: Hooks | None
) -> list[Failed]:
    """Return the builds of a stage that would be built with something else in a directory with ``union``."""
    left = {project: SpecifierSet(text) for project, text in stage.constraints}
    there = {one for one in union if _fits(left, one.project, one.version)}
    roots = [one for one in alone if one.build.name == stage.name]
    found = close(roots, _Directory(releases, there), there, hooks=hooks)
    return [
        Failed(build, machine, "in one directory with the others it would be built with other versions")
        for (build, machine), one in stage.environments.items()
        if (build, machine) not in found.environments
        or found.environments[build, machine].installed != one.installed
    ]


class _Directory:
    """Releases of which only those in a directory are listed."""

    def __init__(self, releases: Releases, there: Collection[Release]) -> None:
        self._there = there
        self.is_built = releases.is_built
        self.dependencies = releases.dependencies
        self.facts = releases.facts
        self.uploaded_at = releases.uploaded_at
        self.admit_wheel = releases.admit_wheel

    def versions(self, project: str, rung: Rung) -> Sequence[Version]:
        """Return the versions that are there, the newest first."""
        del rung  # what is there is there, whatever the date
        return sorted((one.version for one in self._there if one.project == project), reverse=True)
