"""``"build_dependencies": "resolve"``: what everything is built with is found in the run that fetches it."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from cachi2ish.core.outputs import CONSTRAINTS
from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.errors import Cachi2ishError, InputError, Origin, StorageError
from cachi2ish.files.rooted import RootedPath
from cachi2ish.files.scratch import scratch_directory
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.ports import Network, Ports, Run
from cachi2ish.services.fetch.reading import Reading, SourcePackage, as_built
from cachi2ish.services.lock_build_deps.constraints import file_of_stage, read_constraints
from cachi2ish.services.lock_build_deps.findings import summary
from cachi2ish.services.lock_build_deps.lock_build_deps import Options, lock_of

#: What the lock is called that is written nowhere.
RESOLVED = "requirements-build.txt (resolved)"

_FILE = "requirements-build.txt"


def with_build_dependencies(reading: Reading, source: Path, network: Network, ports: Ports, run: Run) -> Reading:
    """Return the reading with what the packages are built with that want this found; raises what finding raises.

    They have one directory, and an installer takes the newest there: so they have one lock, the first one's.
    """
    resolving = tuple(one for one in reading.packages if one.resolves_builds)
    run.reporter.info("finding what the sdists are built with")
    found = lock_of(
        Reading(reading.root, resolving),
        source,
        ports.archives.planner(),
        _options(resolving, source),
        network,
        ports,
        run,
        lambda _stage: None,
    )
    for warning in found.warnings:
        run.reporter.warning(warning)
    run.reporter.info(summary(found.builds, found.releases))
    if not found.releases:
        return reading
    for stage in found.constraints:
        file = f"{CONSTRAINTS}/{file_of_stage(stage)}"
        run.reporter.info(f"{stage} is built alone: generate-env --build-constraint takes {file} of the output")
    first = resolving[0]
    runtime = [lock for one in resolving for lock in one.locks]
    more = as_built(_read(found.text, ports, run), runtime, run)
    return replace(
        reading,
        packages=tuple(
            replace(one, locks=(*one.locks, more)) if one is first else one for one in reading.packages
        ),
        constraints=tuple((file_of_stage(stage), text) for stage, text in sorted(found.constraints.items())),
    )


def _options(packages: tuple[SourcePackage, ...], source: Path) -> Options:
    """Return how the search goes, which is one for all packages; raises `InputError`."""
    names = frozenset(name for one in packages if one.resolves_builds for name in one.resolves_builds.as_of_upload)
    if len({one.tools for one in packages}) > 1:
        raise InputError(
            'the packages of the input differ in their "build_tools", and are built from one directory',
            hint="name the same programs in each, or fetch each into an output of its own",
        )
    files: dict[Path, None] = {}
    for one in packages:
        for file in one.resolves_builds.constraint_files if one.resolves_builds else ():
            try:
                files[RootedPath.of(source).join(one.main.path).join(file).path] = None
            except Cachi2ishError as error:
                raise InputError(f'"build_constraint_files": {error.problem}', hint=error.hint) from None
    return Options(constraints=read_constraints(files), apart=names, apart_by='"build_as_of_upload":')


def _read(text: str, ports: Ports, run: Run) -> Lock:
    """Return a lock as it is read from a file, but for its place: nobody can go there and edit it."""
    try:
        with scratch_directory("cachi2ish-lock-") as folder:
            (folder / _FILE).write_text(text, encoding="utf-8")
            lock = ports.sources.locks.read_requirements(folder, _FILE, Purpose.BUILD, run.environ)
    except OSError as error:
        raise StorageError(
            f"no temporary file can be written: {error.strerror}",
            hint="set TMPDIR to a directory that you may write to",
        ) from error
    pins = (one for one in lock.requirements if isinstance(one, Pinned))
    placed = tuple(replace(one, origin=Origin(RESOLVED, one.origin.line)) for one in pins)
    return replace(lock, file=RESOLVED, requirements=placed, texts=())
