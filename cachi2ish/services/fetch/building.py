"""What the offline build will miss: what sdists are built with, held against all that is in the output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, partial
from itertools import chain
from pathlib import Path

from msgspec import Struct
from packaging.tags import Tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.choose.choice import ChosenFiles
from cachi2ish.core.distributions import is_wheel, wheel_tags
from cachi2ish.core.messages import as_text
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Origin
from cachi2ish.services.fetch.identifying import Fetched, version_of
from cachi2ish.services.fetch.ports import Archives
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.fetch.targeting import direct_name, requirements_of
from cachi2ish.services.remembered_warnings import remembered_warnings

#: Part of what warnings are remembered by: raise it when rules or words change.
_RULE = "1"

#: So many are named; the rest is counted.
MOST_NAMED = 20

_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
_PLATFORMS = ("manylinux_2_28_x86_64", "macosx_14_0_arm64", "win_amd64")


class Built(Struct, frozen=True, gc=False):
    """What will be built. origin: what asks for it; None for the user's own. targets: where; empty: anywhere.

    blob: of an sdist. path: of the user's own, relative to the source.
    """

    what: str
    origin: Origin | None
    requires: tuple[str, ...]
    targets: tuple[Target, ...]
    blob: Blob | None = None
    path: str = ""


class OutputFile(Struct, frozen=True):
    """A file of the output. tags: of a wheel, None for an sdist."""

    version: Version
    tags: frozenset[Tag] | None

    def serves(self, target: Target | None) -> bool:
        """Return whether it can be installed there; None for anywhere."""
        return self.tags is None or target is None or target.rank(self.tags) is not None


def missing_build_requirements(
    reading: Reading, choices: Collection[ChosenFiles], fetched: Iterable[Fetched], archives: Archives
) -> tuple[str, ...]:
    """Return a warning for each sdist, and each own package, that is built with what the output lacks.

    Only what their ``pyproject.toml`` declares (PEP 518): a backend may ask for more while it builds, and what is
    declared has requirements too. Markers are evaluated for the targets; without any, a marker counts where it
    holds on every usual machine. At most `MOST_NAMED` warnings, and then the number of all.
    """
    everything = tuple(fetched)

    def builds() -> Iterator[Built]:  # run each time anew, since a list of thousands weighs megabytes
        yield from _sdists(reading, choices, everything)
        yield from _own(reading.packages)

    known_by = chain(
        (_RULE,),
        ((one.what, str(one.origin), one.requires, list(map(repr, one.targets))) for one in builds()),
        ((str(one.requirement.project), one.filename, version_of(one)) for one in everything),
    )
    return remembered_warnings(
        archives.recollection, "missing for builds", known_by, lambda: _missing(builds(), everything)
    )


def _missing(builds: Iterable[Built], fetched: Iterable[Fetched]) -> Iterator[str]:
    missing_here = cache(partial(is_missing, output=_by_project(fetched)))  # most are built with the same few
    warnings: dict[str, str] = {}
    for built in builds:
        missing = tuple(one for one in built.requires if missing_here(one, built.targets))
        if missing:
            place = f"{built.origin}: " if built.origin else ""
            listed = ", ".join(missing)
            warning = f"{place}{built.what} is built with {listed}, which nothing in the output satisfies"
            warnings[warning] = "" if built.origin else ", if the build installs the project (pip install .)"
    named = list(warnings)[:MOST_NAMED]
    for warning in named:
        yield f"{warning}; pin it in requirements-build.txt{warnings[warning]}"
    if len(warnings) > len(named):
        yield f"{len(warnings)} packages are built with what the output lacks, of which {len(named)} are named"


def lacking_for_offline_builds(
    reading: Reading,
    choices: Collection[ChosenFiles],
    fetched: Iterable[Fetched],
    source: Path,
    archives: Archives,
) -> tuple[str, ...]:
    """Return what an offline build of it all lacks, as one sentence, and one for each package that needs crates.

    Beside what is declared this counts what back-ends add, as far as rules tell. It follows from the files and
    from the user's own projects, and is remembered.
    """
    everything = tuple(fetched)
    of_source = tuple(one for one in _own(reading.packages) if one.requires)

    def builds() -> Iterator[Built]:  # run each time anew, since a list of thousands weighs megabytes
        yield from _sdists(reading, choices, everything)
        yield from of_source

    if next(builds(), None) is None:
        return ()
    own = {one.path: archives.facts().of_folder(source / one.path) for one in of_source}
    tools = frozenset[str]().union(*(package.tools for package in reading.packages))
    names_crates = not any(package.resolves_builds for package in reading.packages)  # else that was said
    known_by = chain(
        (_RULE, sorted(tools), names_crates),
        ((one.what, one.requires, sorted(map(str, one.targets))) for one in builds()),
        ((one.filename, one.blob.sha256) for one in everything),
        sorted((path, repr(facts)) for path, facts in own.items()),
    )

    def find() -> Iterable[str]:
        from cachi2ish.services.fetch.offline_builds import sentences  # noqa: PLC0415  (a second run knows it)

        found = sentences(
            dict.fromkeys(builds()), _by_project(everything), own, archives, tools=tools, names_crates=names_crates
        )
        return map(as_text, found)

    return remembered_warnings(archives.recollection, "offline builds", known_by, find)


def _by_project(fetched: Iterable[Fetched]) -> Mapping[str, tuple[OutputFile, ...]]:
    found: dict[str, list[OutputFile]] = defaultdict(list)
    for one in fetched:
        try:
            version = Version(version_of(one) or "")
        except InvalidVersion:
            continue
        tags = wheel_tags(one.filename) if is_wheel(one.filename) else None
        found[one.requirement.project].append(OutputFile(version, tags))
    return {project: tuple(files) for project, files in found.items()}


def _sdists(reading: Reading, choices: Iterable[ChosenFiles], fetched: Iterable[Fetched]) -> Iterator[Built]:
    files: dict[str, Fetched] = {}
    for one in fetched:
        if not is_wheel(one.filename):
            files.setdefault(one.filename, one)
    for choice in choices:
        for filename, targets in _to_build(choice):
            if filename in files:
                yield _built(files[filename], choice.requirement.origin, targets)
    for package, requirement in requirements_of(reading):
        if isinstance(requirement, Pinned) or not package.policy.wants(requirement.marker):
            continue
        filename = direct_name(requirement)
        if filename in files:
            targets = tuple(one for one in package.policy.targets if one.wants(requirement.marker))
            yield _built(files[filename], requirement.origin, targets)


def _built(one: Fetched, origin: Origin, targets: tuple[Target, ...]) -> Built:
    return Built(one.filename, origin, one.identity.build_requires if one.identity else (), targets, one.blob)


def _to_build(choice: ChosenFiles) -> Iterator[tuple[str, tuple[Target, ...]]]:
    """Yield each sdist that is not there beside a wheel that installers prefer, and the targets that it serves."""
    if not choice.by_target:
        names = [file.filename for file in choice.files]
        if not any(map(is_wheel, names)):
            yield from ((name, ()) for name in names)
        return
    found: dict[str, list[Target]] = defaultdict(list)
    for target, files in choice.by_target:
        names = [file.filename for file in files]
        if not any(map(is_wheel, names)):
            for name in names:
                found[name].append(target)
    yield from ((name, tuple(targets)) for name, targets in found.items())


def _own(packages: Collection[SourcePackage]) -> Iterator[Built]:
    for package in packages:
        where = "" if package.main.path == "." else f" in {package.main.path}"
        name = f"the project itself{where}"
        yield Built(name, None, package.build_requires, package.policy.targets, path=package.main.path)
    mains = {package.main.path for package in packages}
    for package in packages:
        for path, requires in package.folders:
            if path not in mains:
                name = f"the project in {path}"
                yield Built(name, None, requires, package.policy.targets, path=path)


def is_missing(text: str, targets: tuple[Target, ...], output: Mapping[str, tuple[OutputFile, ...]]) -> bool:
    """Return whether a build requirement is fulfilled by nothing in the output, where it counts."""
    from packaging.requirements import InvalidRequirement  # noqa: PLC0415  (a second run knows what is missing)

    from cachi2ish.core.targets.dependency_specifiers import read_requirement  # noqa: PLC0415  (likewise)

    try:
        needed = read_requirement(text)
    except InvalidRequirement:
        return False  # for whoever builds it to say
    marker = None if needed.marker is None else str(needed.marker)
    files = [
        file
        for file in output.get(canonicalize_name(needed.name), ())
        if needed.url is None and needed.specifier.contains(file.version, prereleases=True)
    ]
    if targets:
        concerned = [target for target in targets if target.wants(marker)]
        return not all(any(file.serves(target) for file in files) for target in concerned)
    return not files and (marker is None or all(target.wants(marker) for target in _usual_machines()))


@cache
def _usual_machines() -> tuple[Target, ...]:
    return tuple(Target.parse(python, platform) for python in _PYTHONS for platform in _PLATFORMS)
