"""The versions with which everything is built: a fixpoint under the rule by which pip looks into a directory.

pip takes the newest version *in the directory* that satisfies. So what one sdist brings in may change what another
one is built with, and that may need something else: versions are added until nothing is missing, and what nothing
uses is left out again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from packaging.version import Version

from cachi2ish.build.interface import (
    USUAL,
    Build,
    Environment,
    Failed,
    Hooks,
    Machine,
    Release,
    Releases,
    Root,
    Rung,
)
from cachi2ish.build.isolation import environment
from cachi2ish.build.resolving import NoSolutionError, Solver, Versions

#: How often the set may grow, and be pruned: each time brings in a version, and in practice two will do.
_MOST_ROUNDS = 60

_Place = tuple[Build, Machine]


@dataclass(frozen=True)
class Closure:
    """What is built with what. environments: of everything that is built, in a fixed order.

    used: all releases in them. fallbacks: builds whose requirements come from another time, and which.
    """

    environments: Mapping[_Place, Environment]
    used: frozenset[Release]
    failed: tuple[Failed, ...] = ()
    fallbacks: Mapping[Build, Rung] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the search may take.

    fits: returns whether a version is one that the constraints admit. moved: projects of which no older version
    counts, and this one does whatever its date.
    """

    fits: Callable[[str, Version], bool] = lambda _project, _version: True
    moved: Mapping[str, Version] = field(default_factory=dict)


def close(
    roots: Sequence[Root],
    releases: Releases,
    pinned: Collection[Release],
    bounds: Bounds = Bounds(),
    fallback: Callable[[Build], Rung | None] = lambda _build: None,
    usual: Rung = USUAL,
    hooks: Hooks | None = None,
) -> Closure:
    """Return the fixpoint for ``roots``.

    pinned: what is in the directory anyhow, for another reason. fallback: returns as of when the requirements of a
    build are looked for where nothing fulfils them as of the usual date; None for nothing more. usual: that date.
    hooks: are called for what no rule tells.
    """
    search = _Search(releases, frozenset(pinned), bounds, fallback, usual, hooks)
    pool = frozenset(pinned)
    for _ in range(_MOST_ROUNDS):
        found = search.round(roots, pool)
        kept = found.used | frozenset(pinned)
        if not found.used <= pool or search.grew:
            pool |= found.used
        elif kept == pool:
            return found
        else:
            pool = kept
    return search.round(roots, pool)


class _Search:
    def __init__(
        self,
        releases: Releases,
        pinned: frozenset[Release],
        bounds: Bounds,
        fallback: Callable[[Build], Rung | None],
        usual: Rung,
        hooks: Hooks | None,
    ) -> None:
        self._hooks = hooks
        self._releases = releases
        self._pinned = _by_project(pinned)
        self._bounds = bounds
        self._fallback = fallback
        self._usual = usual
        self._known: set[_Place] = set()
        self._fallbacks: dict[Build, Rung] = {}
        self._builds: dict[Release, Build] = {}
        self._solvers: dict[Rung, Solver] = {}
        self.grew = False

    def round(self, roots: Sequence[Root], pool: frozenset[Release]) -> Closure:
        """Return the environments of everything, looked for in the pool, and in the index where that fails."""
        self.grew = False
        environments: dict[_Place, Environment] = {}
        failed: list[Failed] = []
        used: set[Release] = set()
        queue = deque((root.build, machine) for root in roots for machine in root.machines)
        seen: set[_Place] = set()
        there = _by_project(pool)
        directory = Solver(self._releases, lambda project: there.get(project, ()))
        while queue:
            place = queue.popleft()
            if place in seen:
                continue
            seen.add(place)
            try:
                found = self._environment(place, directory)
            except NoSolutionError as error:
                failed.append(Failed(*place, str(error)))
                continue
            environments[place] = found
            for project, version in sorted(found.installed.items()):
                release = Release(project, version)
                used.add(release)
                if self._releases.is_built(release, place[1]):
                    queue.append((self._build(release), place[1]))
        fallbacks = {build: rung for build, rung in self._fallbacks.items() if any(build == p[0] for p in seen)}
        return Closure(environments, frozenset(used), tuple(failed), fallbacks)

    def _build(self, release: Release) -> Build:
        if release not in self._builds:
            uploaded = self._releases.uploaded_at(release)
            self._builds[release] = Build(str(release), self._releases.facts(release), uploaded, release)
        return self._builds[release]

    def _environment(self, place: _Place, directory: Solver) -> Environment:
        build, machine = place
        if place in self._known:
            try:
                return environment(build, machine, directory, self._hooks)
            except NoSolutionError:
                pass
        self._known.add(place)
        self.grew = True
        try:
            return environment(build, machine, self._index(self._usual), self._hooks)
        except NoSolutionError:
            rung = self._fallback(build)
            if rung is None:
                raise
            found = environment(build, machine, self._index(rung), self._hooks)
            self._fallbacks[build] = rung
            return found

    def _index(self, rung: Rung) -> Solver:
        if rung not in self._solvers:
            self._solvers[rung] = Solver(self._releases, self._versions_of(rung))
        return self._solvers[rung]

    def _versions_of(self, rung: Rung) -> Versions:
        @cache
        def versions(project: str) -> Sequence[Version]:
            listed = self._releases.versions(project, rung)
            fitting = {one for one in listed if self._bounds.fits(project, one)}
            moved = self._bounds.moved.get(project)
            if moved is not None:
                fitting = {one for one in fitting if one >= moved} | {moved}
            return sorted({*fitting, *self._pinned.get(project, ())}, reverse=True)

        return versions


def _by_project(releases: Iterable[Release]) -> dict[str, Sequence[Version]]:
    found: dict[str, list[Version]] = {}
    for project, version in releases:
        found.setdefault(project, []).append(version)
    return {project: sorted(versions, reverse=True) for project, versions in found.items()}
