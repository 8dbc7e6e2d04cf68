"""From a package of ``pylock.toml`` (PEP 751) to a requirement: its files, its archive or its commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from packaging.pylock import Package, PackageArchive, PackageSdist, PackageVcs, PackageWheel

from cachi2ish.core import urls
from cachi2ish.core.digests import ALGORITHMS, Digest, InvalidDigestError, strong
from cachi2ish.core.distributions import declared_version, is_wheel, read_name, same_version
from cachi2ish.core.messages import excerpt, shortened
from cachi2ish.core.pages import Hashes, IndexFile, digests_of
from cachi2ish.core.placement import name_of_url, url_basename
from cachi2ish.core.requirements import Git, Indexes, Pinned, Purpose, Requirement, Url
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all

_COMMIT = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_TRANSPORTS = frozenset({"https", "http", "ssh", "file"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A package of the lock file, and where it stands. marker: what is left of its own, see `settle`."""

    package: Package
    marker: str | None
    origin: Origin
    purpose: Purpose
    hint: str

    def error(self, problem: str, hint: str | None = None) -> LockFileError:
        """Return an error about the package."""
        return LockFileError(f"{self.package.name}: {problem}", hint=hint or self.hint, origin=self.origin)


def requirement_of(entry: Entry) -> Requirement:
    """Return what a package asks for that is no directory; raises `LockFileError`, or an `ErrorGroup` of them."""
    package = entry.package
    if package.vcs is not None:
        return _git(entry, package.vcs)
    if package.archive is not None:
        return _archive(entry, package.archive)
    files = _files(entry, [*([package.sdist] if package.sdist else []), *(package.wheels or ())])
    indexes = () if package.index is None else (urls.Address(_address(entry, package.index, "index")),)
    return Pinned(
        name=package.name,
        marker=entry.marker,
        origin=entry.origin,
        purpose=entry.purpose,
        version=str(package.version) if package.version else _version_of(entry, files),
        digests=frozenset(digest for one in files for digest in one.digests),
        indexes=Indexes(indexes, alone=True),
        files=files,
    )


def _files(entry: Entry, files: Iterable[PackageSdist | PackageWheel]) -> tuple[IndexFile, ...]:
    found: dict[str, IndexFile] = {}
    errors: list[Cachi2ishError] = []
    requires_python = entry.package.requires_python
    for one in files:
        name = one.filename
        try:
            file = IndexFile(
                filename=name,
                url=_url(entry, one, name),
                hashes=_hashes(entry, one.hashes, name),
                requires_python=str(requires_python) if requires_python else None,
                size=_size(entry, one.size, name),
                upload_time=_utc(entry, one.upload_time),
            )
        except LockFileError as error:
            errors.append(error)
            continue
        if found.setdefault(name, file).digests != file.digests:
            errors.append(entry.error(f"{excerpt(name)} stands there twice, with different hashes"))
    raise_all(errors)
    return tuple(found.values())


def _version_of(entry: Entry, files: Iterable[IndexFile]) -> str:
    versions = [declared_version(one.filename, entry.package.name) or "" for one in files]
    if all(same_version(one, versions[0]) for one in versions):
        return versions[0]
    raise entry.error(f"it states no version, and its files are of several: {', '.join(dict.fromkeys(versions))}")


def _archive(entry: Entry, archive: PackageArchive) -> Url:
    requirement = Url(
        name=entry.package.name,
        marker=entry.marker,
        origin=entry.origin,
        purpose=entry.purpose,
        url=urls.Address(_url(entry, archive, "archive")),
        digest=min(
            strong(digests_of(_hashes(entry, archive.hashes, "archive"))),
            key=lambda one: (one.algorithm != "sha256", one),
        ),
        subdirectory=_subdirectory(entry, archive.subdirectory),
    )
    name_of_url(requirement)  # raises where the address does not end like a distribution
    basename = url_basename(requirement.url)
    if is_wheel(basename) and read_name(basename, requirement.project) is None:
        raise entry.error(f"its archive is {excerpt(basename)!r}, which is no wheel of it")
    return requirement


def _git(entry: Entry, vcs: PackageVcs) -> Git:
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
    if not _COMMIT.fullmatch(vcs.commit_id):
        raise entry.error(f"its commit-id {excerpt(vcs.commit_id)!r} is no full commit of 40 hexadecimal digits")
    url = vcs.url.removeprefix("git+")
    parts = urls.split(url)
    scheme = parts.scheme.lower() if parts else ""
    host = (parts.hostname or "") if parts else ""
    if scheme not in _TRANSPORTS or not _printable(url) or (scheme != "file" and not host) or host.startswith("-"):
        raise entry.error(
            "its repository has no address that is read here",
            "git is read over https, http, ssh and file: lock it from https://host/path or ssh://user@host/path",
        )
    return Git(
        name=entry.package.name,
        marker=entry.marker,
        origin=entry.origin,
        purpose=entry.purpose,
        url=urls.Address(urls.without_fragment(url)),
        commit=vcs.commit_id.lower(),
        subdirectory=_subdirectory(entry, vcs.subdirectory),
    )


def _url(entry: Entry, file: PackageSdist | PackageWheel | PackageArchive, what: str) -> str:
    if file.url is None:
        raise entry.error(
            f"{excerpt(what)} is the path {excerpt(file.path or '')!r}, and only addresses are fetched",
            "lock it from an index or an address",
        )
    return _address(entry, file.url, what)


def _address(entry: Entry, url: str, what: str) -> str:
    if urls.split_web(url) is None or not _printable(url):
        raise entry.error(
            f"{excerpt(what)} has no http or https address", "lock it from an index or an address of the web"
        )
    return urls.without_fragment(url)


def _hashes(entry: Entry, hashes: Mapping[str, str], what: str) -> Hashes:
    """Return the hashes of a file, of which one at least proves it; raises `LockFileError`."""
    known = tuple((name, value) for name, value in hashes.items() if name.lower().replace("-", "_") in ALGORITHMS)
    try:
        found = [Digest.of(name, value) for name, value in known]
    except InvalidDigestError as error:
        raise entry.error(f"{excerpt(what)}: {shortened(str(error))}") from None
    if not strong(found):
        raise entry.error(f"{excerpt(what)} has no hash that proves it, only {excerpt(', '.join(hashes))}")
    return known


def _size(entry: Entry, size: int | None, what: str) -> int | None:
    if size is not None and size < 0:
        raise entry.error(f"the size of {excerpt(what)} is negative")
    return size


def _utc(entry: Entry, time: datetime | None) -> datetime | None:
    """Return an upload time, aware. PEP 751 demands UTC: one without an offset is in UTC."""
    if time is None or time.tzinfo is None:
        return None if time is None else time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise entry.error(f"the upload time {time} is outside of the years 1 to 9999") from None


def _subdirectory(entry: Entry, path: str | None) -> str | None:
    if path and (path.startswith("/") or ".." in path.replace("\\", "/").split("/") or not _printable(path)):
        raise entry.error(f"the subdirectory {excerpt(path)!r} leads out of what it is in")
    return path or None


def _printable(text: str) -> bool:
    return not any(character.isspace() or not character.isprintable() for character in text)
