"""Stage "record": what was fetched becomes a bill of materials and an output directory, whole or not at all."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from cachi2ish.core.distributions import is_wheel
from cachi2ish.core.inventory import (
    Dependency,
    FromGit,
    FromIndex,
    FromUrl,
    Inventory,
    InventoryFile,
    Source,
    VcsOrigin,
)
from cachi2ish.core.outputs import CONSTRAINTS, BuildConfig, ProjectFile
from cachi2ish.core.requirements import Pinned, Purpose, Requirement, Url
from cachi2ish.core.structs import shared_texts
from cachi2ish.core.urls import bare
from cachi2ish.errors import DistributionError
from cachi2ish.files.foreign import read_foreign
from cachi2ish.sbom.interface import CommitTime, no_time
from cachi2ish.services.fetch.identifying import Fetched, version_of
from cachi2ish.services.fetch.ports import Results, Run
from cachi2ish.services.fetch.reading import Reading
from cachi2ish.services.output_record import hashed, output_pages, take_record, write_pages
from cachi2ish.services.progress import OutputState
from cachi2ish.simple_api.page_tree import page_tree

if TYPE_CHECKING:
    from cachi2ish.build.interface import BuildFactsReader, SdistFacts
    from cachi2ish.lockfiles.interface import RewriterOf
    from cachi2ish.output.interface import Staging
    from cachi2ish.services.exporting import Export

BOM = "bom.json"


def collisions(fetched: Iterable[Fetched]) -> Iterator[DistributionError]:
    """Yield an error for each file whose name another one has, with other content."""
    first: dict[str, Fetched] = {}
    for one in fetched:
        other = first.setdefault(one.filename, one)
        if other.blob.sha256 != one.blob.sha256:
            yield DistributionError(
                f"{one.filename} would be two different files: another one is asked for at"
                f" {other.requirement.origin}",
                hint="ask for one of the two; pip could not tell them apart either",
                origin=one.requirement.origin,
            )


def record(
    staging: Staging,
    source: Path,
    reading: Reading,
    fetched: tuple[Fetched, ...],
    results: Results,
    run: Run,
    committed_at: CommitTime = no_time,
    build_facts: Callable[[], BuildFactsReader] | None = None,
    exported: Export | None = None,
) -> None:
    """Complete the output, whose files are placed, and publish it; an earlier one stays if this fails.

    build_facts: reads what the user's own projects say of how they are built, for the record. exported: the
    requirements file that is written beside the output.
    """
    inventory = take_inventory(reading, fetched, run)
    tree = page_tree(output_pages(inventory)) if reading.packages else ()  # an empty output has no files
    pages = write_pages(staging, tree)
    digest = hashlib.sha256()
    staging.write_pieces(BOM, hashed(results.sbom.pieces(inventory, committed_at), digest))
    del inventory  # of thousands of files it weighs some megabytes, as what follows does
    config = BuildConfig(
        tool_version=run.tool_version,
        # Where nothing was asked for, the build is to go on as if nobody had been here.
        environment_variables=run.environment if reading.packages else (),
        project_files=_rewritten(source, reading, exported, fetched, results.rewriter_of),
        index_dates=reading.index_dates,
        record=take_record(reading, fetched, digest.hexdigest(), pages, _facts_of(source, reading, build_facts)),
    )
    for name, text in reading.constraints:
        staging.write(f"{CONSTRAINTS}/{name}", text)
    staging.write_build_config(config)
    progress = run.reporter.progress
    progress.output_state = OutputState.UNCERTAIN
    staging.publish()
    progress.output_state = OutputState.PUBLISHED


def _rewritten(
    source: Path,
    reading: Reading,
    exported: Export | None,
    fetched: tuple[Fetched, ...],
    rewriter_of: RewriterOf,
) -> tuple[ProjectFile, ...]:
    if exported is None and not any(lock.texts for package in reading.packages for lock in package.locks):
        return ()
    # Few locks have addresses.
    from cachi2ish.services.rewritten_files import exported_files, project_files  # noqa: PLC0415

    return (
        *project_files(source, reading, fetched, rewriter_of),
        *exported_files(source, exported, fetched, rewriter_of),
    )


def _facts_of(
    source: Path, reading: Reading, reader: Callable[[], BuildFactsReader] | None
) -> dict[str, SdistFacts]:
    mains = ((package.main.path, package.build_requires) for package in reading.packages)
    built = [path for path, requires in mains if requires or _names_a_back_end(source / path / "pyproject.toml")]
    found = {path: reader().of_folder(source / path) for path in built} if reader else {}
    return {path: facts for path, facts in found.items() if facts is not None}


def _names_a_back_end(pyproject: Path) -> bool:
    """Return whether a project may be built with nothing but a back-end of its own."""
    try:
        return b"build-backend" in read_foreign(pyproject)
    except OSError:
        return False  # none there; of one that cannot be read it was said


#: What is one dependency: the files of one project, version and source.
_Group = tuple[str, str, Source]


def take_inventory(reading: Reading, fetched: Iterable[Fetched], run: Run) -> Inventory:
    """Return what was fetched, merged over all requirements files, sorted."""
    groups: dict[_Group, list[Fetched]] = defaultdict(list)
    default_index = run.indexes.public().bare
    from_index = cache(lambda index: FromIndex(index=index, default=bare(index) == default_index))
    for one in fetched:
        version = _comparable(version_of(one))
        groups[one.requirement.project, version, _source_of(one, from_index)].append(one)
    needs = _needs(reading)
    dependencies = {key: _dependency(key[0], key[2], members, needs) for key, members in groups.items()}
    edges = _edges(groups, dependencies, needs) if needs.edges else ()
    return Inventory(
        root=reading.root,
        packages=tuple(package.main for package in reading.packages),
        dependencies=tuple(sorted(dependencies.values(), key=_order)),
        tool_version=run.tool_version,
        index_dates=reading.index_dates,
        index_digests=reading.index_digests,
        relaxations=run.leniency.relaxations,
        edges=tuple(sorted(edges, key=lambda pair: (_order(pair[0]), _order(pair[1])))),
    )


def _edges(
    groups: Mapping[_Group, Sequence[Fetched]], dependencies: Mapping[_Group, Dependency], needs: _Needs
) -> set[tuple[Dependency, Dependency]]:
    of_requirement: dict[Requirement, set[Dependency]] = defaultdict(set)
    for key, members in groups.items():
        for member in members:
            of_requirement[member.requirement].add(dependencies[key])
    return {
        (mine, other)
        for one, needed in needs.edges
        for mine in of_requirement.get(one, ())
        for other in of_requirement.get(needed, ())
        if mine != other
    }


def _order(one: Dependency) -> tuple[str, str, str]:
    return one.name, one.version or "", repr(one.source)


def _dependency(name: str, source: Source, members: list[Fetched], needs: _Needs) -> Dependency:
    requirements = {one.requirement for one in members}
    markers = {requirement.marker for requirement in requirements}
    # An sdist's own metadata is the best witness; wheels spell their version in the file name.
    members = sorted(members, key=lambda one: (is_wheel(one.filename), one.filename))
    return Dependency(
        name=name,
        version=version_of(members[0]),
        source=source,
        files=_files(members),
        build=all(requirement.purpose is Purpose.BUILD for requirement in requirements),
        markers=() if None in markers else tuple(sorted(marker for marker in markers if marker)),
        missing_hash_in=tuple(
            sorted(
                {
                    requirement.origin.file
                    for requirement in requirements
                    if isinstance(requirement, Pinned) and not requirement.digests
                }
            )
        ),
        required_by=shared_texts(sorted({path for one in requirements for path in needs.paths.get(one, ())})),
        lock_files=shared_texts(sorted({file for one in requirements for file in needs.files.get(one, ())})),
        groups=shared_texts(sorted({group for one in requirements for group in needs.groups.get(one, ())})),
    )


def _files(members: Iterable[Fetched]) -> tuple[InventoryFile, ...]:
    # With different dates the same file may be asked for with its upload time and without: then with.
    found: dict[InventoryFile, datetime | None] = {}
    for member in members:
        file = _file(member)
        found[file] = found.get(file) or member.upload_time
    return tuple(replace(file, upload_time=time) for file, time in sorted(found.items(), key=lambda pair: pair[0]))


def _file(one: Fetched) -> InventoryFile:
    return InventoryFile(
        filename=one.filename,
        url=one.url,
        size=one.blob.size,
        digests=one.digests,
        wheel=is_wheel(one.filename),
        verified=one.verified,
    )


def _source_of(one: Fetched, from_index: Callable[[str], FromIndex]) -> Source:
    requirement = one.requirement
    if isinstance(requirement, Pinned):
        return from_index(one.index or "")
    if isinstance(requirement, Url):
        return FromUrl(url=one.url, digest=requirement.digest)
    return FromGit(vcs=VcsOrigin(url=one.url, commit=requirement.commit), subdirectory=requirement.subdirectory)


def _comparable(version: str | None) -> str:
    try:
        return str(Version(version or ""))
    except InvalidVersion:
        return version or ""


class _Needs(Struct, frozen=True):
    """Who needs which requirement: paths of main packages, lock files, groups of these, and other requirements."""

    paths: dict[Requirement, tuple[str, ...]]
    files: dict[Requirement, tuple[str, ...]]
    groups: dict[Requirement, tuple[str, ...]]
    edges: set[tuple[Requirement, Requirement]]


def _add(known: dict[Requirement, tuple[str, ...]], one: Requirement, texts: Iterable[str]) -> None:
    known[one] = shared_texts(dict.fromkeys((*known.get(one, ()), *texts)))


def _needs(reading: Reading) -> _Needs:
    found = _Needs({}, {}, {}, set())
    for package in reading.packages:
        for lock in package.locks:
            own = None if lock.needs is None else lock.needs()
            for number, one in enumerate(lock.requirements):
                if own is None or number in own.direct:
                    _add(found.paths, one, (package.main.path,))
                if own is not None:
                    _add(found.files, one, (lock.file,))
                    _add(found.groups, one, (f"{lock.file} {group}" for group in own.groups.get(number, ())))
            if own is not None:
                found.edges.update((lock.requirements[one], lock.requirements[other]) for one, other in own.edges)
    return found
