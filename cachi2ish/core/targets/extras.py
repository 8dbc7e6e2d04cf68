"""Pins that pip before 23.3 gives up, because a distribution of the same lock asks for an extra of theirs.

To such a pip ``core[toml]`` and ``core`` are two things that must come to one version. In hash-checking mode it
looks for ``core[toml]`` alone first, finds the newest release, and refuses it, since only the pin has a hash. It
does not where a line names exactly these extras, where a line that names any extra of the project comes before the
one that asks, or where a constraint pins the project. Seen with pip 23.0.1, 23.1.2 and 23.2.1; 23.3.2, 24.0, 25.0
and 26.3 take the pin.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial

from msgspec import Struct
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Dependency
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from cachi2ish.core.requirements import Pinned, Requirement
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.targets.markers import holds

_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12")
_PLATFORMS = ("manylinux_2_28_x86_64", "macosx_14_0_arm64", "win_amd64")

#: What old pips write as an underscore in the name of an extra.
_APART = re.compile(r"[^A-Za-z0-9.-]+")

#: What stands between quotes in a marker, as packaging writes one.
_TEXT = re.compile(r'"([^"]*)"')

#: What a dependency begins with (PEP 508).
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: Extras may ask for extras; no project nests them deeper.
_DEEPEST = 10


class GivenUp(Struct, frozen=True):
    """A pin, the requirement whose distribution asks for an extra of it, and how: ``core[toml]>=0.9``."""

    pin: Pinned
    asker: Requirement
    dependency: str
    extras: tuple[str, ...]


class _Edge(Struct, frozen=True):
    """A dependency with extras, of the distribution of a requirement. place: of that in the lock.

    project, extras: of the dependency, normalised. named: what its marker has in quotes, normalised.
    """

    place: int
    asker: Requirement
    dependency: Dependency
    project: NormalizedName
    extras: frozenset[NormalizedName]
    marker: str | None
    named: frozenset[NormalizedName]

    @classmethod
    def of(cls, place: int, asker: Requirement, dependency: Dependency) -> _Edge:
        marker = None if dependency.marker is None else str(dependency.marker)
        return cls(
            place,
            asker,
            dependency,
            project=canonicalize_name(dependency.name),
            extras=frozenset(map(canonicalize_name, dependency.extras)),
            marker=marker,
            named=frozenset(map(canonicalize_name, _TEXT.findall(marker or ""))),
        )


class _Machine:
    """A marker environment. The distributions of a lock have few markers: each is looked at once."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._known: dict[tuple[str, str], bool] = {}

    def holds(self, marker: str | None, extra: str = "") -> bool:
        if marker is None:
            return True
        key = marker, extra
        if key not in self._known:
            self._known[key] = holds(marker, [{**self._variables, "extra": extra}])
        return self._known[key]

    def asks(self, edge: _Edge, active: Collection[NormalizedName]) -> bool:
        """Return whether a dependency is asked for, with these extras of its own distribution."""
        # What a marker does not name makes no difference to it, and there may be hundreds.
        return self.holds(edge.marker) or any(
            self.holds(edge.marker, extra) for extra in edge.named.intersection(active)
        )


def machines_of_old_pips() -> tuple[Mapping[str, str], ...]:
    """Return the marker environments where pip before 23.3 is usual: no newer Python ever brought it."""
    return tuple(
        Target.parse(python, platform).marker_environment for python in _PYTHONS for platform in _PLATFORMS
    )


def given_up(
    requirements: Sequence[Requirement],
    unconstrained: Collection[Pinned],
    dependencies: Mapping[Requirement, Iterable[str]],
    machines: Sequence[Mapping[str, str]],
) -> Iterator[GivenUp]:
    """Yield each pin that pip before 23.3 gives up on one of ``machines``, with the first that asks for it.

    requirements: all of a lock, in its order. unconstrained: the pins among them that no constraint holds.
    dependencies: what the distributions require, by requirement (``Requires-Dist``); those without extras and
    those that cannot be read do not count. machines: marker environments.
    """
    edges = tuple(_edges(requirements, dependencies))
    by_project: dict[NormalizedName, list[_Edge]] = defaultdict(list)
    for edge in edges:
        by_project[edge.project].append(edge)
    loose = frozenset(unconstrained)
    places = {one: place for place, one in enumerate(requirements) if one in loose}
    # Nearly always there is none, and then no marker is looked at.
    doubtful = [
        (one, edge)
        for one, place in places.items()
        for edge in by_project.get(one.project, ())
        if _gives_up(one, place, edge)
    ]
    if not doubtful:
        return
    old = [_Machine(variables) for variables in machines]
    possible = _active_extras(requirements, edges, None)
    active = cache(partial(_active_extras, requirements, edges))  # most are wanted nowhere, and need none of it
    known: set[Pinned] = set()
    for pin, edge in doubtful:
        extra_counts = not edge.named.isdisjoint(possible[edge.asker.project])
        if pin not in known and any(
            machine.holds(pin.marker)
            and machine.holds(edge.asker.marker)
            and machine.asks(edge, active(machine)[edge.asker.project] if extra_counts else ())
            for machine in old
        ):
            known.add(pin)
            dependency = str(edge.dependency).partition(";")[0].rstrip()
            yield GivenUp(pin, edge.asker, dependency, tuple(sorted(edge.dependency.extras)))


def admits_newer(specifier: SpecifierSet, version: str) -> bool:
    """Return whether a release just behind ``version`` would fulfil ``specifier``."""
    try:
        return specifier.contains(f"{Version(version).base_version}.0.0.1", prereleases=True)
    except ValueError:  # no version of PEP 440, or numbers beyond what `int` reads
        return False


def _edges(
    requirements: Sequence[Requirement], dependencies: Mapping[Requirement, Iterable[str]]
) -> Iterator[_Edge]:
    projects = {one.project for one in requirements}
    for place, one in enumerate(requirements):
        for text in dependencies.get(one, ()):
            name = _NAME.match(text)
            if name is not None and canonicalize_name(name[0]) not in projects:
                continue  # nothing hangs on its extras; to read a whole requirement takes a hundred times as long
            try:
                dependency = read_requirement(text)
            except InvalidRequirement:
                continue  # pip says so, or leaves it out
            if dependency.extras:
                yield _Edge.of(place, one, dependency)


def _gives_up(pin: Pinned, place: int, edge: _Edge) -> bool:
    named = _as_compared(pin.extras)
    if named == _as_compared(edge.dependency.extras) or (named and place <= edge.place):
        return False
    return admits_newer(edge.dependency.specifier, pin.version)


def _as_compared(extras: Iterable[str]) -> frozenset[str]:
    # As old pips do, which know nothing of normalised extras (PEP 685).
    return frozenset(_APART.sub("_", one).lower() for one in extras)


def _active_extras(
    requirements: Iterable[Requirement], edges: Iterable[_Edge], machine: _Machine | None
) -> Mapping[NormalizedName, set[NormalizedName]]:
    """Return the extras of each project that the lock names, or others ask for on a machine; None: on any."""
    active: dict[NormalizedName, set[NormalizedName]] = defaultdict(set)
    for one in requirements:
        if one.extras:  # most name none
            active[one.project].update(map(canonicalize_name, one.extras))
    for _ in range(_DEEPEST):
        before = sum(map(len, active.values()))
        for edge in edges:
            if edge.extras <= active[edge.project]:
                continue
            if machine is None or machine.asks(edge, active[edge.asker.project]):
                active[edge.project].update(edge.extras)
        if sum(map(len, active.values())) == before:
            break
    return active
