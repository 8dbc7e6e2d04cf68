"""What an installer puts into the environment of a build: the newest versions that agree (resolvelib, as pip)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Resolution

from cachi2ish.build.interface import Machine, Release, Releases
from cachi2ish.core.targets.dependency_specifiers import read_requirement

#: Steps of the resolver: environments of builds have a dozen members.
_MOST_ROUNDS = 2000

_Key = tuple[str, tuple[str, ...]]

#: Returns the versions that count, the newest first.
Versions = Callable[[str], Sequence[Version]]


class NoSolutionError(Exception):
    """Requirements that nothing fulfils together; the message names them, as a clause."""


@dataclass(frozen=True, slots=True)
class _Need:
    """A requirement. exact: that of a project with extras on the project itself."""

    key: _Key
    specifier: SpecifierSet
    text: str
    exact: Version | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    key: _Key
    version: Version


class _Provider(AbstractProvider[_Need, _Candidate, _Key]):
    def __init__(self, releases: Releases, machine: Machine, versions: Versions) -> None:
        self._releases = releases
        self._machine = machine
        self._versions = versions

    def identify(self, requirement_or_candidate: _Need | _Candidate) -> _Key:
        return requirement_or_candidate.key

    def get_preference(
        self,
        identifier: _Key,
        resolutions: Mapping[_Key, _Candidate],
        candidates: Mapping[_Key, Iterator[_Candidate]],
        information: Mapping[_Key, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> tuple[bool, bool, _Key]:
        del resolutions, candidates, backtrack_causes  # the signature is the library's
        needs = [one.requirement for one in information[identifier]]
        exact = any(need.exact or any(s.operator in {"==", "==="} for s in need.specifier) for need in needs)
        bounded = any(len(need.specifier) for need in needs)
        return not exact, not bounded, identifier

    def find_matches(
        self,
        identifier: _Key,
        requirements: Mapping[_Key, Iterator[_Need]],
        incompatibilities: Mapping[_Key, Iterator[_Candidate]],
    ) -> Callable[[], Iterator[_Candidate]]:
        needs = list(requirements[identifier])
        bad = {one.version for one in incompatibilities[identifier]}
        versions = self._versions(identifier[0])
        exact = {need.exact for need in needs if need.exact is not None}
        if exact:
            versions = [one for one in versions if exact == {one}]
        specifiers = list(dict.fromkeys(need.specifier for need in needs))
        steps: list[Sequence[Version]] = [versions]
        if not exact and not any(need.specifier.prereleases for need in needs):
            # pre-releases where nothing else is there
            steps.insert(0, [one for one in versions if not one.is_prerelease])

        def candidates() -> Iterator[_Candidate]:
            for step in steps:
                served = False
                for one in step:
                    # Mostly the first one that fits will do, of hundreds.
                    if not all(each.contains(one, prereleases=True) for each in specifiers):
                        continue
                    # Whether there is a file for the machine is looked up for those only that are tried.
                    if self._releases.is_built(Release(identifier[0], one), self._machine) is None:
                        continue
                    served = True
                    if one not in bad:
                        yield _Candidate(identifier, one)
                if served:
                    return

        return candidates

    def is_satisfied_by(self, requirement: _Need, candidate: _Candidate) -> bool:
        if requirement.exact is not None:
            return requirement.exact == candidate.version
        return requirement.specifier.contains(candidate.version, prereleases=True)

    def get_dependencies(self, candidate: _Candidate) -> Iterable[_Need]:
        project, extras = candidate.key
        found = list(
            needs_of(self._releases.dependencies(Release(project, candidate.version)), self._machine, extras)
        )
        if extras:
            found.append(
                _Need((project, ()), SpecifierSet(), f"{project}=={candidate.version}", candidate.version)
            )
        return found


@lru_cache(maxsize=8192)
def parsed(text: str) -> Requirement | None:
    """Return a requirement, None for what is none: whoever builds with it will be told."""
    try:
        return read_requirement(text)
    except InvalidRequirement:
        return None


def needs_of(texts: Iterable[str], machine: Machine, extras: tuple[str, ...] = ()) -> Iterator[_Need]:
    """Yield the requirements of ``texts`` that hold on the machine."""
    for text in texts:
        found = _need(text)
        if found is not None and machine.wants(found[0], extras):
            yield found[1]


@lru_cache(maxsize=8192)
def _need(text: str) -> tuple[str | None, _Need] | None:
    """Return a requirement with its marker; None for what no index fulfils."""
    one = parsed(text)
    if one is None or one.url is not None:
        return None
    wanted = tuple(sorted(canonicalize_name(extra) for extra in one.extras))
    bare = f"{one.name}[{','.join(sorted(one.extras))}]" if one.extras else one.name
    need = _Need((canonicalize_name(one.name), wanted), one.specifier, f"{bare}{one.specifier}")
    return None if one.marker is None else str(one.marker), need


class Solver:
    """Resolves requirements among the same versions, each set of them once: many sdists have the same."""

    def __init__(self, releases: Releases, versions: Versions) -> None:
        self._releases = releases
        self.versions = versions
        self._known: dict[tuple[tuple[str, ...], Machine], Mapping[str, Version] | str] = {}

    def resolve(self, texts: Sequence[str], machine: Machine) -> Mapping[str, Version]:
        """Return the version of each project that is asked for, by normalised name; raises `NoSolutionError`."""
        key = tuple(texts), machine
        if key not in self._known:
            try:
                self._known[key] = _resolve(texts, machine, self._releases, self.versions)
            except NoSolutionError as error:
                self._known[key] = str(error)
        found = self._known[key]
        if isinstance(found, str):
            raise NoSolutionError(found)
        return found


def _resolve(
    texts: Sequence[str], machine: Machine, releases: Releases, versions: Versions
) -> Mapping[str, Version]:
    needs = list(needs_of(texts, machine))
    provider = _Provider(releases, machine, versions)
    try:
        mapping = Resolution(provider, BaseReporter()).resolve(needs, _MOST_ROUNDS).mapping
    except ResolutionImpossible as error:
        raise NoSolutionError(_words(error, versions)) from None
    except ResolutionTooDeep:
        raise NoSolutionError("no versions were found that agree, after long search") from None
    # What is left of ways that were given up goes. The library's own result has no end where that is a circle.
    found: dict[_Key, Version] = {}
    open_yet = deque(needs)
    while open_yet:
        key = open_yet.popleft().key
        if key not in found:
            found[key] = mapping[key].version
            open_yet.extend(provider.get_dependencies(mapping[key]))
    return {key[0]: version for key, version in found.items()}


def _words(error: ResolutionImpossible[Any, Any], versions: Versions) -> str:
    causes = {
        f"{cause.requirement.text}{f' (for {cause.parent.key[0]} {cause.parent.version})' if cause.parent else ''}"
        for cause in error.causes
    }
    projects = {cause.requirement.key[0] for cause in error.causes}
    missing = sorted(project for project in projects if not versions(project))
    if missing:
        return f"there is no file of {' and '.join(missing)} that may be taken"
    return f"nothing fulfils {' and '.join(sorted(causes))}"
