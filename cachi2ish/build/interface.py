"""Build requirements as the other rooms see them: what an sdist says, and what its back-end adds on a machine.

Words are those of PEP 517 and PEP 518. A *build* is an sdist, or the user's own project, that an installer makes a
wheel of; *machine* is where it does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cachi2ish.build.facts import IMPLICIT as IMPLICIT  # noqa: PLC0414  (to be seen from outside)
from cachi2ish.build.facts import LEGACY_BACKEND as LEGACY_BACKEND  # noqa: PLC0414  (to be seen from outside)
from cachi2ish.build.facts import SdistFacts as SdistFacts  # noqa: PLC0414  (to be seen from outside)
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.targets.markers import holds

#: Programs for which back-ends bring a package where they are missing.
TOOLS = frozenset({"cargo", "cmake", "ninja", "ninja-build", "patchelf", "samu"})


class Why(StrEnum):
    """Why a build needs a requirement."""

    DECLARED = "declared"
    IMPLICIT = "implicit"
    RULE = "rule of the back-end"
    HOOK = "hook of the back-end"


@dataclass(frozen=True)
class Machine:
    """Where builds take place. tools: programs that are there, such as ``ninja``, ``cmake``, ``cargo``."""

    target: Target
    tools: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.target, self.tools))

    @cached_property
    def system(self) -> str:
        """What ``sys.platform`` is there: ``linux``, ``darwin``, ``win32``; "" where it is not known."""
        return self.target.marker_environment.get("sys_platform", "")

    def wants(self, marker: str | None, extras: tuple[str, ...] = ()) -> bool:
        """Return whether a marker holds there, with any of ``extras``."""
        return marker is None or self._wants(marker, extras)

    @cached_property
    def _wants(self) -> Callable[[str, tuple[str, ...]], bool]:
        return cache(self._holds)  # the same few markers are met again and again, and to read one takes long

    def _holds(self, marker: str, extras: tuple[str, ...]) -> bool:
        if "extra" not in marker:
            return self.target.wants(marker)
        return any(holds(marker, ({**self.target.marker_environment, "extra": one},)) for one in extras or ("",))

    def __str__(self) -> str:
        return str(self.target)


class Release(NamedTuple):
    """A version of a project."""

    project: str
    version: Version

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


@dataclass(frozen=True, slots=True)
class Rung:
    """As of when versions are looked for. before: None for what the run says. latest: all that is there today."""

    before: datetime | None = None
    latest: bool = False


USUAL = Rung()


class Releases(Protocol):
    """The versions that an index has, as an installer on a machine sees them. Safe for many threads."""

    def versions(self, project: str, rung: Rung) -> Sequence[Version]:
        """Return the versions that are listed, the newest first; none where there is no such project."""
        ...

    def dependencies(self, release: Release) -> tuple[str, ...]:
        """Return ``Requires-Dist``, as far as it can be told."""
        ...

    def is_built(self, release: Release, machine: Machine) -> bool | None:
        """Return whether it comes as an sdist there, to be built; None where no file is for the machine."""
        ...

    def facts(self, release: Release) -> SdistFacts:
        """Return what its sdist says."""
        ...

    def uploaded_at(self, release: Release) -> datetime | None:
        """Return when its sdist was; None where nobody says."""
        ...

    def admit_wheel(self, release: Release, machine: Machine) -> bool:
        """Let a release come as a wheel from now on; returns False where there is none for the machine."""
        ...


@dataclass(frozen=True, slots=True)
class Build:
    """An sdist, or a project of the user's. name: what it is called in texts, and what tells it from others.

    uploaded: when the sdist was; None where nobody says. release: that of a build requirement.
    own: whether it is a project of the user's, which may be installed in editable mode too.
    """

    name: str
    facts: SdistFacts = field(compare=False, repr=False)
    uploaded: datetime | None = field(default=None, compare=False)
    release: Release | None = field(default=None, compare=False)
    own: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed before a build. requested: requirements as they are written, and why. unknown: clauses."""

    installed: Mapping[str, Version]
    requested: tuple[tuple[str, Why], ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """What is to be built. machines: where."""

    build: Build
    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A build that has no environment. why: a clause."""

    build: Build
    machine: Machine
    why: str


@dataclass(frozen=True, slots=True)
class Cycle:
    """Releases that are needed to build one another, sorted by name."""

    members: tuple[Release, ...]
    machine: Machine

    def __str__(self) -> str:
        return " and ".join(map(str, self.members))


@dataclass(frozen=True, slots=True)
class Remedy:
    """How a cycle was resolved. moved: to this release. wheel: it comes as a wheel."""

    cycle: Cycle
    moved: Release | None = None
    wheel: Release | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Builds that share constraints (`PIP_BUILD_CONSTRAINT`): pairs of a project and a specifier, sorted.

    name: "" for those that need none. since: as of when its requirements were looked for.
    """

    name: str
    environments: Mapping[tuple[Build, Machine], Environment]
    constraints: tuple[tuple[str, str], ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What everything is built with. used: all releases. wheels: those of them that have to come as wheels.

    left: cycles that nothing resolves. fallbacks: builds whose requirements are of another time.
    """

    stages: tuple[Stage, ...]
    used: frozenset[Release]
    failed: tuple[Failed, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    left: tuple[Cycle, ...] = ()
    wheels: frozenset[Release] = frozenset()
    fallbacks: tuple[tuple[Build, datetime], ...] = ()


class Hooks(Protocol):
    """The hooks of real back-ends (PEP 517), called where they can do no harm."""

    def answer(
        self, build: Build, machine: Machine, installed: Mapping[str, Version]
    ) -> tuple[tuple[str, ...], str]:
        """Return what the back-end of ``build`` asks for beside ``installed``; or why that is not known."""
        ...


class Planner(Protocol):
    """Finds what sdists are built with."""

    def plan(
        self,
        roots: Sequence[Root],
        releases: Releases,
        pinned: Collection[Release],
        constraints: Mapping[str, SpecifierSet],
        apart: Collection[str] = (),
        hooks: Hooks | None = None,
    ) -> Plan:
        """Return the set of versions with which all of ``roots`` are built: see `cachi2ish.build.fixpoint`.

        pinned: releases that are beside them for another reason. constraints: by normalised name; they hold for
        every build. apart: names of builds that get a stage of their own, with what there was after their upload;
        ``:all:`` for all. hooks: are called for what no rule tells; None for nothing.
        """
        ...

    def declared(self, facts: SdistFacts) -> tuple[str, ...]:
        """Return the requirements of a build that are known without an environment."""
        ...

    def added(
        self, facts: SdistFacts, machine: Machine, installed: Mapping[str, Version]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what the back-end adds by its rule, and what is not known of that."""
        ...

    def requires_dist(self, metadata: bytes) -> tuple[str, ...]:
        """Return ``Requires-Dist`` of a wheel's METADATA."""
        ...

    def needs_crates(self, facts: SdistFacts) -> bool:
        """Return whether building takes packages of a registry of Rust."""
        ...


class BuildFactsReader(Protocol):
    """Reads what an sdist, or a project's folder, says of how it is built; nothing of it is run."""

    def of_archive(self, path: Path, filename: str) -> SdistFacts:
        """Return what the sdist says; raises `DistributionError` for an archive that is broken or unsafe."""
        ...

    def of_folder(self, folder: Path) -> SdistFacts | None:
        """Return what a project says; None for a folder that is not built."""
        ...
