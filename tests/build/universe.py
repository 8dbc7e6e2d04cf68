"""Projects with versions, in memory: what an index would have, for the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from packaging.version import Version

from cachi2ish.build.interface import Build, Machine, Release, Root, Rung, SdistFacts
from tests.core.machines import LINUX

MACHINE = Machine(LINUX)


@dataclass(frozen=True)
class Entry:
    """A release. needs: to be installed. built_with: what its sdist declares."""

    needs: tuple[str, ...] = ()
    built_with: tuple[str, ...] = ()
    wheel: bool = False
    uploaded: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    backend: str = "poetry.core.masonry.api"
    has_wheel: bool = False


@dataclass
class Universe:
    """Implements `Releases`. cutoff: as of when the run is."""

    entries: dict[Release, Entry] = field(default_factory=dict)
    cutoff: datetime | None = None
    admitted: set[Release] = field(default_factory=set)

    def add(self, name: str, version: str, entry: Entry = Entry()) -> Release:
        release = Release(name, Version(version))
        self.entries[release] = entry
        return release

    def versions(self, project: str, rung: Rung) -> Sequence[Version]:
        before = None if rung.latest else rung.before or self.cutoff
        found = [
            one.version
            for one, entry in self.entries.items()
            if one.project == project and (before is None or entry.uploaded < before)
        ]
        return sorted(found, reverse=True)

    def is_built(self, release: Release, machine: Machine) -> bool | None:
        entry = self.entries.get(release)
        return None if entry is None else not entry.wheel and release not in self.admitted

    def dependencies(self, release: Release) -> tuple[str, ...]:
        return self.entries[release].needs

    def facts(self, release: Release) -> SdistFacts:
        entry = self.entries[release]
        return facts(entry.built_with, entry.backend, name=release.project, version=str(release.version))

    def uploaded_at(self, release: Release) -> datetime | None:
        return self.entries[release].uploaded

    def admit_wheel(self, release: Release, machine: Machine) -> bool:
        if self.entries[release].has_wheel and release not in self.admitted:
            self.admitted.add(release)
            return True
        return False


def facts(requires: Sequence[str] | None, backend: str = "poetry.core.masonry.api", **more: object) -> SdistFacts:
    given: Mapping[str, object] = {"requires": None if requires is None else tuple(requires), "backend": backend}
    return SdistFacts(**{**given, **more})  # type: ignore[arg-type]


def root(
    name: str, *requires: str, uploaded: datetime | None = None, backend: str = "poetry.core.masonry.api"
) -> Root:
    return Root(Build(name, facts(requires, backend), uploaded), (MACHINE,))


def release(text: str) -> Release:
    project, _, version = text.partition(" ")
    return Release(project, Version(version))
