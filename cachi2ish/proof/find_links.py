"""The flat directory of an output as pip sees it: candidates by project, the best first.

pip (26.3, and all since 20.3) knows of a file there what its name says. Among those that fulfil all requirements
it takes the greatest version, a wheel before an sdist, the wheel with the best tag, then the greater build tag.
``Requires-Python`` it learns from the metadata of the one that it takes, and goes on to the next where it does
not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from cachi2ish.core.distributions import SdistName, is_wheel, read_name, sdist_extension
from cachi2ish.core.requirements import Formats
from cachi2ish.core.targets.machine import Target

_BuildTag = tuple[()] | tuple[int, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that pip may take. rank: of its tags on the target, 0 for an sdist."""

    filename: str
    project: NormalizedName
    version: Version
    wheel: bool
    rank: int = 0
    build: _BuildTag = ()

    @property
    def worth(self) -> tuple[Version, bool, int, _BuildTag]:
        """What pip orders candidates by: the greatest is the best."""
        return self.version, self.wheel, -self.rank, self.build


@dataclass(frozen=True, slots=True)
class Excluded:
    """A file of the project that pip does not take on the target, by its format or else by its tags."""

    filename: str
    version: Version
    by_format: bool


@dataclass(frozen=True)
class FindLinks:
    """A directory. names: of all the files in it."""

    directory: Path
    names: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, directory: Path, names: Iterable[str]) -> FindLinks:
        """Return the directory with these files."""
        return cls(directory, tuple(sorted(names)))

    @cached_property
    def _by_beginning(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name in self.names:
            for beginning in _beginnings(name):
                found.setdefault(beginning, []).append(name)
        return {beginning: tuple(names) for beginning, names in found.items()}

    def of_project(self, project: NormalizedName) -> tuple[str, ...]:
        """Return the files that may be of a project, by the beginning of their names."""
        return self._by_beginning.get(project, ())

    def candidates(
        self, project: NormalizedName, target: Target, formats: Formats
    ) -> tuple[tuple[Candidate, ...], tuple[Excluded, ...]]:
        """Return what pip may take on ``target``, the best first, and the other files with the reasons."""
        taken: list[Candidate] = []
        excluded: list[Excluded] = []
        for filename in self.of_project(project):
            one = _candidate(filename, project, target, formats)
            if isinstance(one, Candidate):
                taken.append(one)
            elif one is not None:
                excluded.append(one)
        return tuple(sorted(taken, key=lambda one: one.worth, reverse=True)), tuple(excluded)


def _beginnings(filename: str) -> Iterator[str]:
    if is_wheel(filename):
        yield canonicalize_name(filename.partition("-")[0])
        return
    extension = sdist_extension(filename)
    stem = filename[: -len(extension)] if extension else ""
    position = stem.find("-")
    while position > 0:
        yield canonicalize_name(stem[:position])
        position = stem.find("-", position + 1)


def _candidate(
    filename: str, project: NormalizedName, target: Target, formats: Formats
) -> Candidate | Excluded | None:
    name = read_name(filename, project)
    if name is None:
        return None
    try:
        version = Version(name.version)
    except InvalidVersion:
        return None  # pip passes over it: a file of an address, or a name that begins like this one's
    sdist = isinstance(name, SdistName)
    if formats is (Formats.WHEELS if sdist else Formats.SDISTS):
        return Excluded(filename, version, by_format=True)
    if isinstance(name, SdistName):
        return Candidate(filename, project, version, wheel=False)
    rank = target.rank(name.tags)
    if rank is None:
        return Excluded(filename, version, by_format=False)
    return Candidate(filename, project, version, wheel=True, rank=rank, build=name.build)
