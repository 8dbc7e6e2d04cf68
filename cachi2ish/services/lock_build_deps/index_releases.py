"""The releases of an index as the search for build requirements sees them: pages, choices and files of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from msgspec.structs import replace
from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from cachi2ish.build.interface import USUAL, Machine, Release, Rung, SdistFacts
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice, choose
from cachi2ish.core.distributions import is_wheel, wheel_tags
from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Formats, Pinned, Purpose
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.errors import Cachi2ishError, Origin, ProjectNotFoundError, UnavailableError
from cachi2ish.services.lock_build_deps.sdist_files import SdistFiles, artifact_of_file

_UNKNOWN = Origin("")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a page lists. names: versions as files spell them."""

    page: Page
    names: Mapping[Version, str]


class IndexReleases:
    """Implements `Releases`. Safe for many threads.

    page: returns the page of a project as of a rung; raises as an index does. policy: which files may be taken.
    formats: returns the kinds of distribution that the lock file permits for a project. declared: returns what an
    sdist will be built with, as far as that is known at once.
    """

    def __init__(
        self,
        page: Callable[[str, Rung], Page],
        policy: Policy,
        formats: Callable[[str], Formats],
        files: SdistFiles,
        pool: Executor,
        declared: Callable[[SdistFacts], tuple[str, ...]],
    ) -> None:
        self._page = page
        self._policy = policy
        self._formats = formats
        self._files = files
        self._pool = pool
        self._declared = declared
        self._listings = OncePerKey(self._listing)
        self._choices = OncePerKey(self._choose)
        self._needs = OncePerKey(self._dependencies)
        self._rungs: dict[str, set[Rung]] = {}
        self._warm: set[str] = set()
        self._guard = Lock()
        self.wheels: set[Release] = set()

    def versions(self, project: str, rung: Rung) -> tuple[Version, ...]:
        """Return the versions that are listed, the newest first; none where there is no such project."""
        with self._guard:
            self._rungs.setdefault(project, {USUAL}).add(rung)
        listing = self._listings((project, rung))
        return tuple(listing.names) if listing else ()

    def is_built(self, release: Release, machine: Machine) -> bool | None:
        """Return whether it comes as an sdist there, to be built; None where no file is for the machine."""
        files = self.files(release, machine)
        wheel = any(is_wheel(one.filename) for one in files)
        return None if not files else not wheel

    def files(self, release: Release, machine: Machine) -> tuple[IndexFile, ...]:
        """Return what an installer on the machine would take one of: wheels that fit there, else the sdist."""
        choice = self._choices((release, machine))
        if choice is None:
            return ()
        if choice.by_target:
            return tuple(file for one in choice.by_target for file in one.files)
        target = machine.target
        there = [one for one in choice.files if target.admits_python(one.requires_python)]
        wheels = [
            one for one in there if is_wheel(one.filename) and target.rank(wheel_tags(one.filename)) is not None
        ]
        return tuple(wheels or (one for one in there if not is_wheel(one.filename)))

    def all_files(self, release: Release) -> tuple[IndexFile, ...]:
        """Return all files of a release, as of when it was found."""
        return tuple(self._all(release))

    def facts(self, release: Release) -> SdistFacts:
        """Return what its sdist says; one that cannot be read says so."""
        sdist = self.sdist(release)
        if sdist is None:
            return SdistFacts(name=release.project, version=str(release.version), unreadable="it has no sdist")
        return self._files.of_artifact(artifact_of_file(sdist, _UNKNOWN))

    def sdist(self, release: Release) -> IndexFile | None:
        """Return its sdist, None where it has none."""
        found = [one for one in self._all(release) if not is_wheel(one.filename)]
        return min(found, key=lambda one: (not one.filename.endswith(".tar.gz"), one.filename), default=None)

    def uploaded_at(self, release: Release) -> datetime | None:
        """Return when its sdist was uploaded; None where nobody says."""
        sdist = self.sdist(release)
        return None if sdist is None else sdist.upload_time

    def dependencies(self, release: Release) -> tuple[str, ...]:
        """Return ``Requires-Dist``, as far as it can be told."""
        return self._needs(release)

    def _dependencies(self, release: Release) -> tuple[str, ...]:
        # Of an sdist that speaks for the wheel, of a wheel, or as setuptools wrote it.
        facts: SdistFacts | None = None
        may_be_built = self._formats(release.project) is Formats.SDISTS or not self._policy.wheels
        if may_be_built and self.sdist(release) is not None:
            facts = self.facts(release)
            if facts.dependencies_of_wheel is not None:
                return facts.dependencies_of_wheel
        wheels = sorted((one for one in self._all(release) if is_wheel(one.filename)), key=_likely)
        for wheel in wheels[:2]:
            found = self._files.dependencies_of_wheel(wheel)
            if found is not None:
                return found
        if facts is None and self.sdist(release) is not None:
            facts = self.facts(release)
        if facts is None:
            return ()
        return facts.dependencies_of_wheel or facts.requires_dist_of_setup or ()

    def admit_wheel(self, release: Release, machine: Machine) -> bool:
        """Let a release come as a wheel from now on; returns False where there is none for the machine."""
        fitting = any(
            is_wheel(one.filename) and machine.target.rank(wheel_tags(one.filename)) is not None
            for one in self._all(release)
        )
        if fitting and release not in self.wheels:
            self.wheels.add(release)
            self._choices = OncePerKey(self._choose)
            return True
        return False

    def warm(self, requirements: tuple[str, ...]) -> None:
        """Begin to fetch what the search will want for these requirements, and what these will want."""
        for text in requirements:
            project = _project(text)
            with self._guard:
                new = project is not None and project not in self._warm
                if project is not None:
                    self._warm.add(project)
            if new and project is not None:
                self._pool.submit(self._warm_project, project)

    def _warm_project(self, project: str) -> None:
        try:
            listing = self._listings((project, USUAL))
            newest = next((one for one in listing.names if not one.is_prerelease), None) if listing else None
            if newest is None:
                return
            release = Release(project, newest)
            self.warm(self.dependencies(release))
            if not self._policy.wheels and self.sdist(release) is not None:
                self.warm(self._declared(self.facts(release)))
        except Cachi2ishError:
            pass  # whoever needs it will be told

    def _listing(self, what: tuple[str, Rung]) -> Listing | None:
        project, rung = what
        try:
            page = self._page(project, rung)
        except ProjectNotFoundError:
            return None
        except UnavailableError:
            return None  # nothing of it was there then
        names: dict[Version, str] = {}
        for name, positions in page.positions.items():
            try:
                version = Version(name.replace("_", "+", 1) if "_" in name else name)
            except InvalidVersion:
                continue
            # When a file was yanked is not known: what is chosen as of a date must not depend on it.
            if page.cutoff is not None or not all(page.files[one].yanked for one in positions):
                names.setdefault(version, name)
        return Listing(page, dict(sorted(names.items(), reverse=True)))

    def _where(self, release: Release) -> Iterator[Listing]:
        """Yield the listings that have a release: the usual one first."""
        with self._guard:
            rungs = self._rungs.get(release.project, set()) | {USUAL}
        for rung in sorted(rungs, key=lambda one: (one != USUAL, one.latest, str(one.before))):
            listing = self._listings((release.project, rung))
            if listing is not None and release.version in listing.names:
                yield listing

    def _all(self, release: Release) -> list[IndexFile]:
        listing = next(self._where(release), None)
        return list(listing.page.files_of(listing.names[release.version])) if listing else []

    def _choose(self, what: tuple[Release, Machine]) -> Choice | None:
        release, machine = what
        listing = next(self._where(release), None)
        if listing is None:
            return None
        policy = self._policy
        if release in self.wheels:
            policy = Policy(wheels=True, targets=(machine.target,))
        elif policy.targets:
            policy = replace(policy, targets=(machine.target,))
        pin = Pinned(
            name=release.project,
            version=listing.names[release.version],
            purpose=Purpose.BUILD,
            formats=Formats.WHEELS if release in self.wheels else self._formats(release.project),
            origin=_UNKNOWN,
        )
        try:
            return choose(pin, listing.page, policy)
        except UnavailableError:
            return None


def _project(text: str) -> NormalizedName | None:
    """Return which project a requirement surely asks for on some usual machine; None for those of extras."""
    try:
        one = read_requirement(text)
    except InvalidRequirement:
        return None
    marker = "" if one.marker is None else str(one.marker)
    return None if "extra" in marker else canonicalize_name(one.name)


def _likely(file: IndexFile) -> tuple[bool, bool, str]:
    return "-none-any" not in file.filename, "manylinux" not in file.filename, file.filename
