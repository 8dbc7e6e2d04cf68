"""What is to be built, and where: the sdists that the input would fetch, and the user's own projects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from packaging.version import InvalidVersion, Version

from cachi2ish.build.interface import Build, BuildFactsReader, Machine, Release, Root, SdistFacts
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.distributions import is_wheel, wheel_tags
from cachi2ish.core.outputs import name_of_git, name_of_url
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Git, Pinned, Url
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Origin
from cachi2ish.git.interface import Repositories
from cachi2ish.services.fetch.jobs import artifact_of
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.lock_build_deps.sdist_files import SdistFiles

#: Where nothing says for which machines: Linux on x86-64, with each Python that is maintained.
_PLATFORM = "manylinux_2_28_x86_64"
_PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True, slots=True)
class Place:
    """A root and where it comes from. file: of an index. origin: the line that asks for it, None for one's own.

    bring: returns its archive. folder: that of a project of the user's.
    """

    root: Root
    origin: Origin | None = None
    file: IndexFile | None = field(default=None, repr=False)
    bring: Callable[[], Blob] | None = field(default=None, repr=False)
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An sdist that will be built. look: returns what it says. bring: returns it."""

    filename: str
    origin: Origin
    machines: tuple[Machine, ...]
    look: Callable[[], SdistFacts]
    bring: Callable[[], Blob]
    file: IndexFile | None = None

    def place(self) -> Place:
        """Return it as a root, once it was looked into."""
        uploaded = None if self.file is None else self.file.upload_time
        return Place(
            Root(Build(self.filename, self.look(), uploaded), self.machines), self.origin, self.file, self.bring
        )


def machines_of(
    package: SourcePackage, declared: tuple[Target, ...], tools: frozenset[str], requires_python: str
) -> tuple[Machine, ...]:
    """Return where a package is built: its targets, ``declared``, or the usual ones that its Python admits."""
    targets = package.policy.targets or declared
    if not targets:
        usual = tuple(Target.parse(python, _PLATFORM) for python in _PYTHONS)
        targets = tuple(one for one in usual if one.admits_python(requires_python)) or usual[-1:]
    return tuple(Machine(target, tools) for target in targets)


def of_choice(
    choice: Choice, machines: Iterable[Machine], files: SdistFiles, marker: str | None
) -> Iterator[Wanted]:
    """Yield the sdist of a choice, if there are machines on which nothing else would be installed."""
    where: dict[str, list[Machine]] = {}
    for machine in machines:
        if machine.wants(marker):
            there = _there(choice, machine.target)
            if not any(is_wheel(one.filename) for one in there):
                for one in there:
                    where.setdefault(one.filename, []).append(machine)
    for file in choice.files:
        if file.filename in where:
            artifact = artifact_of(choice.requirement, file)
            yield Wanted(
                file.filename,
                choice.requirement.origin,
                tuple(where[file.filename]),
                partial(files.of_artifact, artifact),
                partial(files.bring, artifact),
                file,
            )


def _there(choice: Choice, target: Target) -> tuple[IndexFile, ...]:
    for one in choice.by_target:
        if one.target == target:
            return one.files
    fitting = [one for one in choice.files if target.admits_python(one.requires_python)]
    wheels = [
        one for one in fitting if is_wheel(one.filename) and target.rank(wheel_tags(one.filename)) is not None
    ]
    return tuple(wheels or (one for one in fitting if not is_wheel(one.filename)))


def of_address(
    requirement: Url | Git, machines: Iterable[Machine], files: SdistFiles, repositories: Repositories
) -> Iterator[Wanted]:
    """Yield what a direct requirement builds: an archive at an address, or a commit."""
    where = tuple(machine for machine in machines if machine.wants(requirement.marker))
    if not where:
        return
    if isinstance(requirement, Git):
        name = name_of_git(requirement)

        def bring() -> Blob:
            return repositories.find(requirement) or repositories.archive(requirement)

        yield Wanted(name, requirement.origin, where, lambda: files.of_blob(bring(), name), bring)
    elif not is_wheel(name_of_url(requirement)):
        artifact = Artifact(
            filename=name_of_url(requirement),
            url=requirement.url,
            digests=frozenset({requirement.digest}),
            origin=requirement.origin,
        )
        yield Wanted(
            requirement_name(requirement),
            requirement.origin,
            where,
            partial(files.of_artifact, artifact),
            partial(files.bring, artifact),
        )


def requirement_name(requirement: Url) -> str:
    """Return what the file of a requirement is called."""
    return name_of_url(requirement)


def own_projects(
    reading: Reading,
    source: Path,
    reader: BuildFactsReader,
    machines: Callable[[SourcePackage], tuple[Machine, ...]],
) -> Iterator[Place]:
    """Yield the packages of the input that are built themselves."""
    mains = {package.main.path for package in reading.packages}
    for package in reading.packages:
        members = [path for path, requires in package.folders if requires and path not in mains]
        for path in (package.main.path, *members):
            facts = reader.of_folder(source / path)
            if facts is not None:
                itself = " itself" if path in mains else ""
                where = "" if path == "." else f" in {path}"
                build = Build(f"the project{itself}{where}", facts, own=True)
                yield Place(Root(build, machines(package)), folder=source / path)


def pinned_releases(reading: Reading) -> frozenset[Release]:
    """Return the releases that are in the directory for the project's own sake."""
    found: set[Release] = set()
    for package in reading.packages:
        for lock in package.locks:
            for one in lock.requirements:
                if isinstance(one, Pinned) and package.policy.wants(one.marker):
                    try:
                        found.add(Release(one.project, Version(one.version)))
                    except InvalidVersion:
                        continue
    return frozenset(found)
