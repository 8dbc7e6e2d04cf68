"""From fetched files to the facts of the bill of materials: one entry for each dependency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cache

from packaging.version import InvalidVersion, Version

from cachi2ish.core.distributions import is_wheel, read_name
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
from cachi2ish.core.requirements import Pinned, Purpose, Requirement, Url
from cachi2ish.core.urls import bare
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.ports import Run
from cachi2ish.services.fetch.reading import Reading


def take_inventory(reading: Reading, fetched: Iterable[Fetched], run: Run) -> Inventory:
    """Return what was fetched, merged over all requirements files, sorted."""
    groups: dict[tuple[str, str, Source], list[Fetched]] = defaultdict(list)
    default_index = bare(run.indexes.public())
    is_default = cache(lambda index: bare(index) == default_index)
    for one in fetched:
        version = _comparable(_version_of(one))
        groups[one.requirement.project, version, _source_of(one, is_default)].append(one)
    needed_by = _needed_by(reading)
    dependencies = (_dependency(name, source, members, needed_by) for (name, _, source), members in groups.items())
    return Inventory(
        root=reading.root,
        packages=tuple(package.main for package in reading.packages),
        dependencies=tuple(sorted(dependencies, key=lambda one: (one.name, one.version or "", repr(one.source)))),
        tool_version=run.tool_version,
        index_dates=reading.index_dates,
        relaxations=run.leniency.relaxations,
    )


def _dependency(
    name: str, source: Source, members: list[Fetched], needed_by: dict[Requirement, frozenset[str]]
) -> Dependency:
    requirements = {one.requirement for one in members}
    markers = {requirement.marker for requirement in requirements}
    # An sdist's own metadata is the best witness; wheels spell their version in the file name.
    members = sorted(members, key=lambda one: (is_wheel(one.filename), one.filename))
    return Dependency(
        name=name,
        version=_version_of(members[0]),
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
        required_by=tuple(sorted(frozenset().union(*(needed_by[one] for one in requirements)))),
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


def _source_of(one: Fetched, is_default: Callable[[str], bool]) -> Source:
    requirement = one.requirement
    if isinstance(requirement, Pinned):
        index = one.index or ""
        return FromIndex(index=index, default=is_default(index))
    if isinstance(requirement, Url):
        return FromUrl(url=one.url, digest=requirement.digest)
    return FromGit(vcs=VcsOrigin(url=one.url, commit=requirement.commit), subdirectory=requirement.subdirectory)


def _version_of(one: Fetched) -> str | None:
    if one.identity is not None:
        return one.identity.version
    name = read_name(one.filename, one.requirement.project) if is_wheel(one.filename) else None
    if name is not None:
        return name.version
    return one.requirement.version if isinstance(one.requirement, Pinned) else None


def _comparable(version: str | None) -> str:
    try:
        return str(Version(version or ""))
    except InvalidVersion:
        return version or ""


def _needed_by(reading: Reading) -> dict[Requirement, frozenset[str]]:
    found: dict[Requirement, set[str]] = defaultdict(set)
    for package in reading.packages:
        for lock in package.locks:
            for requirement in lock.requirements:
                found[requirement].add(package.main.path)
    return {requirement: frozenset(paths) for requirement, paths in found.items()}
