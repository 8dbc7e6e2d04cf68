"""What an output has beside its files: what its index lists, and what it remembers of the input.

``verify`` holds the record against the files later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from msgspec import to_builtins
from packaging.utils import canonicalize_name

from cachi2ish.core.digests import Digest
from cachi2ish.core.distributions import version_order
from cachi2ish.core.inventory import FromGit, FromUrl, Inventory, InventoryFile
from cachi2ish.core.outputs import (
    FILES_FROM_PAGES,
    PAGES,
    OutputRecord,
    RecordedLock,
    RecordedPackage,
    RecordedRequirement,
    RecordedTarget,
)
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Pinned, Purpose, Requirement
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.urls import redact_text
from cachi2ish.errors import StorageError
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.fetch.targeting import direct_name
from cachi2ish.simple_api.page_tree import FILES_OF_FOLDER, tree_digest

if TYPE_CHECKING:
    from cachi2ish.build.interface import SdistFacts
    from cachi2ish.output.interface import Staging


_Part = TypeVar("_Part", RecordedPackage, RecordedLock)


def take_record(
    reading: Reading, fetched: Iterable[Fetched], bom: str, pages: str, builds: Mapping[str, SdistFacts]
) -> OutputRecord:
    """Return what was asked for and what became of it.

    bom, pages: the digests of the bill of materials and of the tree of pages.
    builds: what packages say of how they are built, by path.
    """
    everything = tuple(fetched)
    by_project: dict[str, tuple[Fetched, ...]] = {}
    for one in everything:
        by_project[one.requirement.project] = (*by_project.get(one.requirement.project, ()), one)
    return OutputRecord(
        packages=_sorted({_package(package, builds) for package in reading.packages}),
        locks=_sorted(
            {_lock(package.main.path, lock, by_project) for package in reading.packages for lock in package.locks}
        ),
        digests=tuple(sorted({(one.filename, one.blob.sha256) for one in everything})),
        bom=bom,
        pages=pages,
    )


def _sorted(found: Collection[_Part]) -> tuple[_Part, ...]:
    # The repr of a large lock is slow; one needs no order.
    return tuple(sorted(found, key=repr) if len(found) > 1 else found)


def _package(package: SourcePackage, builds: Mapping[str, SdistFacts]) -> RecordedPackage:
    facts = builds.get(package.main.path)
    return RecordedPackage(
        path=package.main.path,
        build_requires=tuple(map(_without_secrets, package.build_requires)),
        build={} if facts is None else _as_json(facts),
        targets=tuple(_target(target) for target in package.policy.targets),
        tools=tuple(sorted(package.tools)),
    )


def _as_json(facts: SdistFacts) -> dict[str, Any]:
    """Return what is not as usual, without credentials."""
    said, usual = to_builtins(facts), to_builtins(type(facts)())
    return {name: _cleaned(value) for name, value in said.items() if value != usual[name]}


def _cleaned(value: object) -> object:
    match value:
        case str():
            return _without_secrets(value)
        case dict():
            return {key: _cleaned(one) for key, one in value.items()}
        case list() | tuple():
            return [_cleaned(one) for one in value]
        case _:
            return value


def _without_secrets(text: str) -> str:
    return redact_text(text)


def _target(target: Target) -> RecordedTarget:
    python = ".".join(map(str, target.python))
    usual = Target.parse(python, target.platform.tag, target.implementation).abi
    return RecordedTarget(
        python=python,
        platform=target.platform.tag,
        implementation=target.implementation,
        abi=None if target.abi == usual else target.abi,
    )


def _lock(path: str, lock: Lock, fetched: Mapping[str, Collection[Fetched]]) -> RecordedLock:
    purposes = {one.purpose for one in lock.requirements}
    return RecordedLock(
        path=path,
        file=lock.file,
        build=purposes == {Purpose.BUILD},
        hash_mode=lock.require_hashes,
        no_binary=tuple(sorted(lock.format_control.no_binary)),
        only_binary=tuple(sorted(lock.format_control.only_binary)),
        requirements=tuple(
            _requirement(one, fetched.get(one.project, ()), hash_mode=lock.require_hashes)
            for one in lock.requirements
        ),
    )


def _requirement(one: Requirement, fetched: Collection[Fetched], *, hash_mode: bool) -> RecordedRequirement:
    extras = f"[{','.join(one.extras)}]" if one.extras else ""
    if isinstance(one, Pinned):
        operator = "===" if one.arbitrary else "=="
        text, files = f"{one.name}{extras}{operator}{one.version}", _files(one, fetched, hash_mode=hash_mode)
    else:
        there = {each.filename for each in fetched}
        text, files = f"{one.name}{extras}", {direct_name(one)} & there
    return RecordedRequirement(
        requirement=text,
        marker=one.marker,
        file=one.origin.file,
        line=one.origin.line,
        files=tuple(sorted(files)),
        direct=not isinstance(one, Pinned),
        subdirectory=None if isinstance(one, Pinned) else one.subdirectory,
    )


def _files(pin: Pinned, fetched: Iterable[Fetched], *, hash_mode: bool) -> set[str]:
    if not hash_mode:
        return {one.filename for one in fetched if one.requirement == pin}
    return {
        one.filename
        for one in fetched
        if one.requirement == pin or any(digest.strong and digest in pin.digests for digest in _digests(one))
    }


def _digests(one: Fetched) -> frozenset[Digest]:
    return frozenset((*one.digests, one.blob.digest))


def output_pages(inventory: Inventory) -> Iterator[Page]:
    """Yield a page for each project, with what comes from indexes and the wheels that come from addresses.

    Other archives from addresses, and those of commits, have no name that an installer reads a version in.
    """
    by_name = attrgetter("name")
    for project, dependencies in groupby(sorted(inventory.dependencies, key=by_name), by_name):
        files: dict[str, InventoryFile] = {}
        versions: set[str] = set()
        for one in dependencies:
            listed = [file for file in one.files if not isinstance(one.source, FromUrl | FromGit) or file.wheel]
            for file in listed:
                if files.setdefault(file.filename, file).upload_time is None:
                    files[file.filename] = file
            if listed and one.version:
                versions.add(one.version)
        if files:
            yield Page(
                project=canonicalize_name(project),
                index="",
                files=tuple(_listed(files[name]) for name in sorted(files)),
                versions=tuple(sorted(versions, key=lambda version: (version_order(version), version))),
            )


def _listed(file: InventoryFile) -> IndexFile:
    sha256 = next(one.value for one in file.digests if one.algorithm == "sha256")
    return IndexFile(
        filename=file.filename,
        url=f"{FILES_FROM_PAGES}{quote(file.filename)}",
        hashes=(("sha256", sha256),),
        size=file.size,
        upload_time=file.upload_time,
    )


def hashed(pieces: Iterable[str], digest: hashlib._Hash) -> Iterator[str]:
    """Yield ``pieces``, and tell ``digest`` of the bytes that are written of them."""
    for piece in pieces:
        digest.update(piece.encode("utf-8", "backslashreplace"))
        yield piece


def precreate_pages(staging: Staging, projects: Iterable[str]) -> None:
    """Make the files for the pages of these projects while others are on their way.

    It takes long where a file system is slow to make files, and then nothing would be under way.
    """
    folders = (PAGES, *(f"{PAGES}/{project}" for project in sorted(set(projects))))
    with suppress(StorageError):  # whoever writes the pages says what is wrong
        staging.precreate(folders, FILES_OF_FOLDER)


def write_pages(staging: Staging, tree: Iterable[tuple[str, str]]) -> str:
    """Write a tree of pages, folder by folder; return its digest. tree: paths and texts."""
    # Two for each project: as bytes they weigh half as much.
    digests: dict[str, bytes] = {}
    for folder, files in groupby(tree, key=lambda file: file[0].rpartition("/")[0]):
        contents = {path.rpartition("/")[2]: text for path, text in files}
        staging.write_folder(f"{PAGES}/{folder}".rstrip("/"), contents)
        above = f"{folder}/".lstrip("/")
        digests.update(
            (f"{above}{name}", hashlib.sha256(text.encode()).digest()) for name, text in contents.items()
        )
    return tree_digest(digests)
