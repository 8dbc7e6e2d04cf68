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
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Dependency
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from cachi2ish.core.requirements import Pinned, Requirement
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.targets.markers import holds

_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12")
_PLATFORMS = ("manylinux_2_28_x86_64", "macosx_14_0_arm64", "win_amd64")

#: What old pips write as an underscore in the name of an extra.
_APART = re.compile(r"[^A-Za-z0-9.-]+")

#: What stands between quotes in a marker, as packaging writes one.
_TEXT = re.compile(r'"([^"]*)"')

#: Extras may ask for extras; no project nests them deeper.
_DEEPEST = 10


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A pin, the requirement whose distribution asks for an extra of it, and how: ``core[toml]>=0.9``."""

    pin: Pinned
    asker: Requirement
    dependency: str
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Edge:
    """A dependency with extras, of the distribution of a requirement. place: of that in the lock."""

    place: int
    asker: Requirement
    dependency: Dependency

    @property
    def project(self) -> NormalizedName:
        return canonicalize_name(self.dependency.name)

    @property
    def extras(self) -> frozenset[NormalizedName]:
        return frozenset(map(canonicalize_name, self.dependency.extras))

    def holds(self, machine: Mapping[str, str], active: Collection[NormalizedName]) -> bool:
        """Return whether it is asked for on a machine, with these extras of its own distribution."""
        if self.dependency.marker is None:
            return True
        marker = str(self.dependency.marker)
        # What a marker does not name makes no difference to it, and there may be hundreds.
        named = {canonicalize_name(text) for text in _TEXT.findall(marker)}.intersection(active)
        return holds(marker, [{**machine, "extra": extra} for extra in ("", *named)])


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
    loose = frozenset(unconstrained)
    places = {one: place for place, one in enumerate(requirements) if one in loose}
    # Nearly always there is none, and then no marker is looked at.
    doubtful = [
        (one, edge)
        for one, place in places.items()
        for edge in edges
        if edge.project == one.project and _gives_up(one, place, edge)
    ]
    if not doubtful:
        return
    active = [_active_extras(requirements, edges, machine) for machine in machines]
    known: set[Pinned] = set()
    for pin, edge in doubtful:
        if pin not in known and any(
            holds(pin.marker, [machine])
            and holds(edge.asker.marker, [machine])
            and edge.holds(machine, extras[edge.asker.project])
            for machine, extras in zip(machines, active, strict=True)
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
    for place, one in enumerate(requirements):
        for text in dependencies.get(one, ()):
            try:
                dependency = Dependency(text)
            except InvalidRequirement:
                continue  # pip says so, or leaves it out
            if dependency.extras:
                yield _Edge(place, one, dependency)


def _gives_up(pin: Pinned, place: int, edge: _Edge) -> bool:
    named = _as_compared(pin.extras)
    if named == _as_compared(edge.dependency.extras) or (named and place <= edge.place):
        return False
    return admits_newer(edge.dependency.specifier, pin.version)


def _as_compared(extras: Iterable[str]) -> frozenset[str]:
    # As old pips do, which know nothing of normalised extras (PEP 685).
    return frozenset(_APART.sub("_", one).lower() for one in extras)


def _active_extras(
    requirements: Iterable[Requirement], edges: Iterable[_Edge], machine: Mapping[str, str]
) -> Mapping[NormalizedName, set[NormalizedName]]:
    """Return the extras of each project that the lock names, or that others ask for on a machine."""
    active: dict[NormalizedName, set[NormalizedName]] = defaultdict(set)
    for one in requirements:
        active[one.project].update(map(canonicalize_name, one.extras))
    for _ in range(_DEEPEST):
        before = sum(map(len, active.values()))
        for edge in edges:
            if not edge.extras <= active[edge.project] and edge.holds(machine, active[edge.asker.project]):
                active[edge.project].update(edge.extras)
        if sum(map(len, active.values())) == before:
            break
    return active
