"""What locks of conda's kin have in common: platforms, packages for pip, and packages that are conda's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct
from packaging.utils import canonicalize_name

from cachi2ish.core.messages import excerpt
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Indexes, Pinned, Purpose, Requirement
from cachi2ish.core.targets.environments import EVERYWHERE, NOWHERE, Environments, environments_of
from cachi2ish.core.urls import redact
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.entries import Entry, names_a_file, source_folder
from cachi2ish.lockfiles.interface import Lock, Needs, Note

_SYSTEMS = {"linux": "linux", "osx": "darwin", "win": "win32"}
_MACHINES = {
    ("linux", "64"): "x86_64",
    ("osx", "64"): "x86_64",
    ("win", "64"): "AMD64",
    ("win", "arm64"): "ARM64",
    ("linux", "32"): "i686",
}
_PLATFORM = re.compile(r"(linux|osx|win)-(\w+)")
#: What pixi writes before the address of an archive that is of no index.
_DIRECT = "direct+"

_COMMIT = re.compile(r"[@#]([0-9a-f]{40})(?:#(.*))?$")


def environments_on(platform: str) -> Environments:
    """Return where a platform of conda is, such as ``linux-64``; everywhere for one that is not known."""
    found = _PLATFORM.fullmatch(platform)
    if found is None:
        return EVERYWHERE
    machine = _MACHINES.get((found[1], found[2]), found[2])
    return environments_of(f"sys_platform == '{_SYSTEMS[found[1]]}' and platform_machine == '{machine}'")


def not_fetched(origin: Origin, names: Iterable[str]) -> Iterator[str]:
    """Yield the note on packages that are conda's own, where there are any."""
    found = sorted({excerpt(redact(name)) for name in names})
    if found:
        yield (
            f"{origin}: conda's own packages are not fetched here, only those of pip; a conda client has to bring"
            f" {', '.join(found)}"
        )


class PipPackage(Struct, frozen=True):
    """A package for pip as it stands in a lock. location: an address, or the path of a folder of the source."""

    name: str
    version: str | None
    location: str
    sha256: str | None
    origin: Origin


@dataclass
class CondaLock:
    """A lock while it is read. platforms: all that it is for."""

    file: str
    purpose: Purpose
    hint: str
    platforms: frozenset[str]
    _found: dict[tuple[str, ...], list[tuple[PipPackage, str, str]]] = field(default_factory=dict)

    def add(self, package: PipPackage, platform: str, group: str) -> None:
        """Take a package in for a platform and a group."""
        of_index = "://" in package.location and not package.location.startswith(("git+", _DIRECT))
        direct = "" if of_index else package.location
        key = (canonicalize_name(package.name), package.version or "", direct)
        self._found.setdefault(key, []).append((package, platform, group))

    def lock(self, of_conda: Iterable[str]) -> Lock:
        """Return the lock; raises all that is wrong with it at once. of_conda: names of conda's own packages."""
        requirements: list[Requirement] = []
        groups: dict[int, frozenset[str]] = {}
        notes: list[Note] = []
        errors: list[Cachi2ishError] = []
        for entries in self._found.values():
            try:
                found = list(self._requirement(entries, notes))
            except Cachi2ishError as error:
                errors.append(error)
                continue
            if found:
                groups[len(requirements)] = frozenset(group for _, _, group in entries)
                requirements.extend(found)
        raise_all(errors)
        return Lock(
            file=self.file,
            requirements=tuple(requirements),
            require_hashes=all(one.digests for one in requirements if isinstance(one, Pinned)),
            notes=(*notes, *not_fetched(Origin(self.file), of_conda)),
            needs=lambda: Needs(groups, frozenset(range(len(requirements))), frozenset()),
        )

    def _requirement(self, entries: list[tuple[PipPackage, str, str]], notes: list[Note]) -> Iterator[Requirement]:
        first = entries[0][0]
        where = NOWHERE
        on = {platform for _, platform, _ in entries}
        for platform in on:
            where |= environments_on(platform)
        entry = Entry(
            name=first.name,
            marker=None if (self.platforms and self.platforms <= on) or where == EVERYWHERE else where.marker,
            origin=first.origin,
            purpose=self.purpose,
            hint=self.hint,
        )
        if first.location.startswith("git+"):
            found = _COMMIT.search(first.location)
            if found is None:
                raise entry.error("its repository has no full commit behind its address")
            address, _, query = first.location[: found.start()].partition("?")
            yield entry.git(address, found[1], dict(parse_qsl(f"{query}&{found[2] or ''}")).get("subdirectory"))
        elif first.location.startswith(_DIRECT):
            url, _, fragment = first.location.removeprefix(_DIRECT).partition("#")
            facts = dict(parse_qsl(fragment))  # as the project states them
            hashes = _hashes(first) or {key: facts[key] for key in facts.keys() & {"sha256", "sha512"}}
            yield entry.archive(entry.address(url, "its archive"), hashes, facts.get("subdirectory"))
        elif "://" not in first.location and names_a_file(first.location):
            yield entry.archive(entry.source_file(first.location), _hashes(first), None)
        elif "://" not in first.location:
            notes.append(source_folder(entry, first.location))
        elif first.version is None:
            raise entry.error("it has no version")
        else:
            files = entry.once_each(_file(entry, one) for one, _, _ in entries)
            yield Pinned(
                name=first.name,
                marker=entry.marker,
                origin=first.origin,
                purpose=self.purpose,
                version=first.version,
                digests=frozenset(digest for one in files for digest in one.digests),
                indexes=Indexes((), alone=True),
                files=files,
            )


def _file(entry: Entry, package: PipPackage) -> IndexFile | LockFileError:
    try:
        url = entry.address(package.location, "its file")
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        return IndexFile(filename=name, url=url, hashes=entry.hashes(_hashes(package), name))
    except LockFileError as error:
        return error


def _hashes(package: PipPackage) -> Mapping[str, str]:
    return {"sha256": package.sha256} if package.sha256 else {}
