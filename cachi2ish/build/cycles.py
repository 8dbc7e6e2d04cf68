"""Builds that need each other: found, and resolved by a newer release that does without, or by a wheel."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from cachi2ish.build.fixpoint import Bounds, Closure
from cachi2ish.build.interface import Cycle, Machine, Release, Releases, Remedy, Rung
from cachi2ish.build.resolving import needs_of

#: How many newer releases of each project of a cycle are tried, and how many cycles are resolved.
_MOST_STEPS = 8
_MOST_CYCLES = 12

LATEST = Rung(latest=True)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A closure without cycles, but for those in ``left``."""

    closure: Closure
    remedies: tuple[Remedy, ...] = ()
    left: tuple[Cycle, ...] = ()


def resolve_cycles(
    solve: Callable[[Bounds], Closure],
    releases: Releases,
    bounds: Bounds,
    pinned: Iterable[Release],
    admit_wheel: Callable[[Release, Machine], bool],
) -> Resolved:
    """Return a closure in which nothing is needed to build itself, as far as there is one.

    solve: returns the closure within bounds. pinned: is not moved. admit_wheel: lets a release come as a wheel
    from now on; returns False where there is none for the machine.
    """
    fixed = frozenset(pinned)
    closure = solve(bounds)
    remedies: list[Remedy] = []
    for _ in range(_MOST_CYCLES):
        cycle = next(cycles_of(closure, releases), None)
        if cycle is None:
            return Resolved(closure, tuple(remedies))
        movable = [one for one in (*_carriers(cycle, closure, releases), *cycle.members) if one not in fixed]
        forward = _forward(cycle, movable, solve, releases, bounds)
        if forward is not None:
            bounds, closure, moved = forward
            remedies.append(Remedy(cycle, moved=moved))
            continue
        wheel = next((one for one in cycle.members if admit_wheel(one, cycle.machine)), None)
        if wheel is None:
            break
        remedies.append(Remedy(cycle, wheel=wheel))
        closure = solve(bounds)
    return Resolved(closure, tuple(remedies), tuple(cycles_of(closure, releases)))


def _carriers(cycle: Cycle, closure: Closure, releases: Releases) -> list[Release]:
    """Return what needs a member of the cycle to be installed, where another one is built."""
    projects = {one.project for one in cycle.members}
    names = {str(one) for one in cycle.members}
    found: set[Release] = set()
    for (build, machine), there in closure.environments.items():
        if build.name in names and machine == cycle.machine:
            for release in itertools.starmap(Release, there.installed.items()):
                needs = needs_of(releases.dependencies(release), machine)
                if any(need.key[0] in projects for need in needs):
                    found.add(release)
    return sorted(found.difference(cycle.members))


def _forward(
    cycle: Cycle,
    movable: Sequence[Release],
    solve: Callable[[Bounds], Closure],
    releases: Releases,
    bounds: Bounds,
) -> tuple[Bounds, Closure, Release] | None:
    """Return what comes of moving one of the projects to a newer release: the fewest steps that will do."""
    newer = {one: _newer(one, cycle.machine, releases, bounds) for one in movable}
    for step in range(_MOST_STEPS):
        for one in movable:
            if step < len(newer[one]):
                version = newer[one][step]
                tried = Bounds(bounds.fits, {**bounds.moved, one.project: version})
                closure = solve(tried)
                found = (other.members for other in cycles_of(closure, releases))
                if not closure.failed and all(not _shares(cycle.members, members) for members in found):
                    return tried, closure, Release(one.project, version)
    return None


def _shares(one: Sequence[Release], other: Sequence[Release]) -> bool:
    return len({member.project for member in one} & {member.project for member in other}) >= min(
        len(one), len(other)
    )


def _newer(release: Release, machine: Machine, releases: Releases, bounds: Bounds) -> list[Version]:
    listed = releases.versions(release.project, LATEST)
    return sorted(
        one
        for one in listed
        if one > release.version
        and not one.is_prerelease
        and bounds.fits(release.project, one)
        and releases.is_built(Release(release.project, one), machine) is not None
    )


def cycles_of(closure: Closure, releases: Releases) -> Iterator[Cycle]:
    """Yield each set of builds that need each other, in a fixed order."""
    graphs: dict[Machine, dict[str, list[Release]]] = {}
    for (build, machine), found in closure.environments.items():
        needed = [Release(project, version) for project, version in sorted(found.installed.items())]
        graphs.setdefault(machine, {})[build.name] = [one for one in needed if releases.is_built(one, machine)]
    for machine, graph in graphs.items():
        for members in sorted(_components(graph), key=lambda component: sorted(map(str, component))):
            yield Cycle(tuple(sorted(members)), machine)


def _components(graph: Mapping[str, Sequence[Release]]) -> list[set[Release]]:
    """Return the strongly connected components that have a cycle (Tarjan, without recursion)."""
    nodes = {one for needed in graph.values() for one in needed}
    number: dict[Release, int] = {}
    low: dict[Release, int] = {}
    stack: list[Release] = []
    found: list[set[Release]] = []
    for start in sorted(nodes):
        work = [(start, iter(graph.get(str(start), ())))] if start not in number else []
        while work:
            node, rest = work[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                stack.append(node)
            following = next(rest, None)
            if following is not None:
                if following not in number:
                    work.append((following, iter(graph.get(str(following), ()))))
                elif following in stack:
                    low[node] = min(low[node], number[following])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == number[node]:
                component = set(stack[stack.index(node) :])
                del stack[stack.index(node) :]
                if len(component) > 1 or node in graph.get(str(node), ()):
                    found.append(component)
    return found
