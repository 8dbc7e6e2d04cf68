"""From a package of ``pylock.toml`` (PEP 751) to a requirement: its files, its archive or its commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.pylock import Package, PackageArchive, PackageSdist, PackageVcs, PackageWheel
from packaging.utils import canonicalize_name

from cachi2ish.core.distributions import declared_version, same_version
from cachi2ish.core.messages import excerpt
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Indexes, Pinned, Requirement
from cachi2ish.core.urls import Address
from cachi2ish.errors import LockFileError
from cachi2ish.lockfiles.entries import Entry


def requirement_of(entry: Entry, package: Package) -> Requirement:
    """Return what a package asks for that is no directory; raises `LockFileError`, or an `ErrorGroup` of them."""
    if package.vcs is not None:
        return entry.git(_repository(entry, package.vcs), package.vcs.commit_id, package.vcs.subdirectory)
    if package.archive is not None:
        archive = package.archive
        return entry.archive(_url(entry, archive, "archive"), archive.hashes, archive.subdirectory)
    files = entry.once_each(_files(entry, package))
    indexes = () if package.index is None else (Address(entry.address(package.index, "index")),)
    return Pinned(
        name=entry.name,
        marker=entry.marker,
        origin=entry.origin,
        purpose=entry.purpose,
        version=str(package.version) if package.version else _version_of(entry, files),
        digests=frozenset(digest for one in files for digest in one.digests),
        indexes=Indexes(indexes, alone=True),
        files=files,
    )


def _files(entry: Entry, package: Package) -> Iterator[IndexFile | LockFileError]:
    requires_python = package.requires_python
    files: list[PackageSdist | PackageWheel] = [
        *([package.sdist] if package.sdist else []),
        *(package.wheels or ()),
    ]
    for one in files:
        name = one.filename
        try:
            yield IndexFile(
                filename=name,
                url=_url(entry, one, name),
                hashes=entry.hashes(one.hashes, name),
                requires_python=str(requires_python) if requires_python else None,
                size=entry.size(one.size, name),
                upload_time=entry.utc(one.upload_time),
            )
        except LockFileError as error:
            yield error


def _version_of(entry: Entry, files: Iterable[IndexFile]) -> str:
    versions = [declared_version(one.filename, canonicalize_name(entry.name)) or "" for one in files]
    if all(same_version(one, versions[0]) for one in versions):
        return versions[0]
    raise entry.error(f"it states no version, and its files are of several: {', '.join(dict.fromkeys(versions))}")


def _repository(entry: Entry, vcs: PackageVcs) -> str:
    if vcs.type != "git":
        raise entry.error(
            f"it comes from {excerpt(vcs.type)}: of version control systems, only git is supported",
            "lock a released archive, or a git mirror",
        )
    if vcs.url is None:
        raise entry.error(
            f"its repository is the path {excerpt(vcs.path or '')!r}, which a build elsewhere does not have",
            "lock it from the address of its repository",
        )
    return vcs.url


def _url(entry: Entry, file: PackageSdist | PackageWheel | PackageArchive, what: str) -> str:
    if file.url is None:
        return entry.source_file(file.path or "")
    return entry.address(file.url, what)
