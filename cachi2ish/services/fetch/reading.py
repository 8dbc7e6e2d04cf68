"""Stage "read": from the input to requirements, and to the names of the user's own packages."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from cachi2ish.core.as_of import PackageDates, RecordedDates
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.explain import exact_python
from cachi2ish.core.inventory import MainPackage, RelaxationKind, VcsOrigin
from cachi2ish.core.messages import as_text, shortened
from cachi2ish.core.requirements import BuildSearch, Formats, Pinned, Purpose, Requirement
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import (
    Cachi2ishError,
    GitError,
    InputError,
    LockFileError,
    Origin,
    StorageError,
    leaves,
    raise_all,
)
from cachi2ish.files.rooted import RootedPath
from cachi2ish.lockfiles.interface import Lock, Selection
from cachi2ish.services.fetch.dating import dates_of, how_to_pin, unused_overrides
from cachi2ish.services.fetch.input.package_input import PackageInput, RequestInput, policy_of, policy_warnings
from cachi2ish.services.fetch.ports import Run, Sources
from cachi2ish.services.moved_files import with_moved_files

DEFAULT_FILES = {Purpose.RUNTIME: "requirements.txt", Purpose.BUILD: "requirements-build.txt"}


class SourcePackage(Struct, frozen=True):
    """A package of the input with all that its files say.

    policy: which files may be taken, and for which machines. dates: as of when. build_requires: what the package
    itself is built with, if it is. resolves_builds: how that of others is still to be found, or None. folders: the
    folders of the source that its locks name, by path, and what they are built with. tools: programs for building.
    """

    main: MainPackage
    locks: tuple[Lock, ...]
    policy: Policy
    dates: PackageDates
    build_requires: tuple[str, ...] = ()
    resolves_builds: BuildSearch | None = None
    folders: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tools: frozenset[str] = frozenset()


class Reading(Struct, frozen=True):
    """What the stage "read" has found. root: what the bill is about. constraints: of stages, by file name."""

    root: MainPackage
    packages: tuple[SourcePackage, ...]
    constraints: tuple[tuple[str, str], ...] = ()

    @property
    def index_dates(self) -> tuple[RecordedDates, ...]:
        """What the outputs say of the dates: sorted, of those packages only that have one."""
        dated = (package for package in self.packages if package.dates.declared)
        recorded = {package.dates.recorded(package.main.path) for package in dated}
        return tuple(sorted(recorded, key=repr))

    @property
    def index_digests(self) -> tuple[str, ...]:
        """What the outputs say of the digests of frozen days: sorted, where a page of an index is read at all."""
        asking = (one.dates.digests for one in self.packages if any(lock.asks_an_index for lock in one.locks))
        return tuple(sorted({digest for digests in asking for digest in digests.recorded}))


def read(request: RequestInput, source: Path, sources: Sources, run: Run) -> Reading:
    """Read everything that the input names below ``source``; raises all that is wrong with it at once."""
    try:
        root = RootedPath.of(os.path.realpath(source, strict=True))
    except OSError as error:
        raise InputError(
            f"the source directory {source} cannot be read: {error.strerror}", hint="give it with --source"
        ) from None
    if not root.path.is_dir():
        raise InputError(f"the source {source} is not a directory", hint="give it with --source")
    vcs = _origin(root, sources, run)
    if vcs is None:
        run.reporter.info("the source has no git origin: the bill of materials leaves vcs_url out")
    errors: list[Cachi2ishError] = []
    packages: list[SourcePackage] = []
    for number, package in enumerate(request.packages):
        try:
            packages.append(_read_package(package, f"the input, packages[{number}]", root, vcs, sources, run))
        except Cachi2ishError as error:
            errors.append(error)
    raise_all(errors)
    at_root = next((package.main for package in packages if package.main.path == "."), None)
    return Reading(at_root or _name(".", root, vcs, sources, run), tuple(packages))


def _read_package(
    package: PackageInput,
    place: str,
    root: RootedPath,
    vcs: VcsOrigin | None,
    sources: Sources,
    run: Run,
) -> SourcePackage:
    folder = _inside(root, f"{place}.path", package.path)
    if not folder.path.is_dir():
        what = "is not a directory" if folder.path.exists() else "does not exist"
        raise InputError(
            f"{place}.path: {package.path!r} {what} in the source",
            hint='"path" is relative to the source directory (--source)',
        )
    dates, errors = _dates(package, place, run)
    locks: list[Lock] = []
    runtime: list[Lock] = []
    policy = policy_of(package)
    for file, purpose in dict.fromkeys(_lock_files(package, place, folder)):
        try:
            locks.append(_read_lock(root, file, purpose, package.selection, sources, run))
            runtime.extend(locks[-1:] if purpose is not Purpose.BUILD else ())
            raise_all(_unfit(locks[-1], policy.targets))
        except Cachi2ishError as error:
            errors.extend(how_to_pin(one, dates, folder.relative) for one in leaves(error))
    raise_all(errors)
    folders = {one.path: _build_requires(one.path, root, sources) for lock in locks for one in lock.folders}
    _pass_on(locks, folders, run)
    if not locks:
        _nothing_to_read(package, folder, root, sources, run)
    main = _name(PurePosixPath(folder.relative).as_posix(), root, vcs, sources, run)
    for warning in (*policy_warnings(package, place, locks), *unused_overrides(dates, place, locks)):
        run.reporter.warning(warning)
    found = tuple(as_built(lock, runtime, run) for lock in locks)
    built_with = _build_requires(main.path, root, sources) if locks else ()
    members, tools = tuple(sorted(folders.items())), frozenset(package.build_tools)
    return SourcePackage(main, found, policy, dates, built_with, package.build_search, members, tools)


def _build_requires(path: str, root: RootedPath, sources: Sources) -> tuple[str, ...]:
    with suppress(InputError):  # of a file that cannot be read: its name was looked for in it, and that was said
        return sources.projects.read_build_requires(root.path, path)
    return ()


def _dates(package: PackageInput, place: str, run: Run) -> tuple[PackageDates, list[Cachi2ishError]]:
    try:
        dates = dates_of(package, place, run.dates, run.now)
    except Cachi2ishError as error:
        return PackageDates(), [error]
    if package.build_dependencies == "resolve" and dates.cutoff is None:
        problem = f'{place}.build_dependencies: "resolve" needs a date, so that a second run finds the same'
        return dates, [InputError(problem, hint='add "index_date": "2026-11-01", say, or give --index-date')]
    return dates, []


def _pass_on(locks: Iterable[Lock], folders: Mapping[str, tuple[str, ...]], run: Run) -> None:
    for lock in locks:
        for note in lock.notes:
            run.reporter.info(note if isinstance(note, str) else note.built_with(folders[note.path]))
        for warning in (*lock.warnings, *(f"{one}: {one.hint}" for one in lock.stale)):
            run.reporter.warning(warning)


def _nothing_to_read(
    package: PackageInput, folder: RootedPath, root: RootedPath, sources: Sources, run: Run
) -> None:
    """Warn that a package has no files to read; raises `InputError` where something in its folder needs one."""
    sentence = f"nothing to fetch for the package at {package.path!r}"
    unlocked = sources.locks.unlocked(root.path, folder.relative) if package.requirements_files is None else None
    if unlocked is not None:
        raise unlocked.reworded(f"{sentence}: {unlocked.problem}")
    run.reporter.warning(f"{sentence}: {_why_nothing(package)}")


def as_built(lock: Lock, runtime: Collection[Lock], run: Run) -> Lock:
    """Return ``lock`` with its build requirements as sdists where pip takes no wheel of them.

    pip passes ``--no-binary`` of the file that it installs on to the environments in which it builds.
    """
    found: list[Requirement] = []
    for one in lock.requirements:
        if isinstance(one, Pinned) and one.purpose is Purpose.BUILD and one.formats is Formats.BOTH:
            without = [each.file for each in runtime if each.format_control.permits(one.project) is Formats.SDISTS]
            if without and len(without) == len(runtime):
                one = replace(one, formats=Formats.SDISTS)  # noqa: PLW2901
            elif without:
                run.reporter.warning(
                    f"{one.origin}: {one} may come as a wheel, which pip does not take for what it builds with"
                    f" {without[0]}: --no-binary there holds for build requirements too"
                )
        found.append(one)
    return replace(lock, requirements=tuple(found))


def _read_lock(
    root: RootedPath, file: str, purpose: Purpose | None, selection: Selection, sources: Sources, run: Run
) -> Lock:
    if purpose is None:
        lock = sources.locks.read_lock(root.path, file, run.environ, selection)
        raise_all(lock.stale if run.require_fresh else ())
        return with_moved_files(lock, run.moved_hosts, run.reporter.info)
    return sources.locks.read_requirements(root.path, file, purpose, run.environ)


def _unfit(lock: Lock, targets: Iterable[Target]) -> Iterator[LockFileError]:
    """Yield an error for each target that a lock is not for (PEP 751)."""
    if lock.scope is None:
        return
    origin = Origin(lock.file)
    for target in targets:
        if not target.admits_python(lock.scope.requires_python):
            problem = f"it is for Python {lock.scope.requires_python}, and a target is {target}"
            exact = target.first_patch(lock.scope.requires_python)
            hint = exact_python((exact,)) if exact else "take that target out, or lock for its Python too"
            yield LockFileError(problem, hint=hint, origin=origin)
        elif lock.scope.environments and not any(map(target.wants, lock.scope.environments)):
            listed = " or ".join(lock.scope.environments)
            problem = f"it is for {shortened(listed)}, which does not hold for the target {target}"
            yield LockFileError(problem, hint="take that target out, or lock for its platform too", origin=origin)
        first: dict[str, Requirement] = {}
        for one in lock.requirements:
            other = first.setdefault(one.project, one) if target.wants(one.marker) else one
            if other is not one and target.wants(one.marker, other.marker):
                yield LockFileError(
                    f"{one} and {other} at {other.origin} both hold for the target {target}",
                    hint="lock again: one environment can have one of them only",
                    origin=one.origin,
                )


def _lock_files(package: PackageInput, place: str, folder: RootedPath) -> Iterator[tuple[str, Purpose | None]]:
    """Yield the files to read: with a purpose those that are requirements files."""
    runtime = package.requirements_files
    if package.lockfile is not None:
        yield _inside(folder, f"{place}.lockfile", package.lockfile).relative, None
        runtime = runtime or ()  # a requirements.txt beside it is what it was made from, or another export of it
    named = {
        Purpose.RUNTIME: runtime,
        Purpose.BUILD: package.requirements_build_files,
    }
    for purpose, declared in named.items():
        default = DEFAULT_FILES[purpose]
        files = declared
        if purpose is Purpose.BUILD and package.build_dependencies == "resolve":
            files = ()  # what there is may be of another time
        if files is None:
            files = (default,) if _is_there(folder.path / default) else ()
        for file in files:
            key = "requirements_files" if purpose is Purpose.RUNTIME else "requirements_build_files"
            yield _inside(folder, f"{place}.{key}", file).relative, purpose


def _why_nothing(package: PackageInput) -> str:
    declared = {
        "requirements.txt": package.requirements_files,
        "requirements-build.txt": package.requirements_build_files,
    }
    looked_for = [default for default, files in declared.items() if files is None]
    return f"it has no {' and no '.join(looked_for)}" if looked_for else "the input names no requirements files"


def _is_there(path: Path) -> bool:
    try:
        # Not is_file(): a named pipe counts, so that it is refused when it is read, and not overlooked.
        return path.exists() and not path.is_dir()
    except OSError as error:
        raise StorageError(
            f"{path} cannot be looked for: {error.strerror}", hint="check the rights of the folder"
        ) from None


def _inside(folder: RootedPath, place: str, path: str) -> RootedPath:
    try:
        return folder.join(path)
    except Cachi2ishError as error:
        raise InputError(f"{place}: {error.problem}", hint=error.hint) from None


def _origin(root: RootedPath, sources: Sources, run: Run) -> VcsOrigin | None:
    try:
        return sources.repositories.origin(root.path)
    except GitError as error:
        run.leniency.let_pass(error, RelaxationKind.GIT_ORIGIN, ".")
        return None


def _name(path: str, root: RootedPath, vcs: VcsOrigin | None, sources: Sources, run: Run) -> MainPackage:
    try:
        declared = sources.projects.read(root.path, path, vcs)
    except InputError as error:
        run.leniency.let_pass(error, RelaxationKind.PROJECT_METADATA, path)
        declared = sources.projects.read_origin(path, vcs)
    # Nothing in the tree tells: the folder's own name is the last thing a person would call it by.
    name = declared.name or as_text(Path(os.path.realpath(root.path / path)).name) or "source"
    return MainPackage(name=name, version=declared.version, path=path, vcs=vcs, guessed=not declared.name)
