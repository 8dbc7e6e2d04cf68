"""What a package of a lock file states, checked: addresses, hashes, commits. All formats share it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from msgspec import Struct

from cachi2ish.core import urls
from cachi2ish.core.digests import ALGORITHMS, Digest, InvalidDigestError, any_strong, strong
from cachi2ish.core.distributions import is_wheel, read_name, sdist_extension
from cachi2ish.core.messages import excerpt, shortened
from cachi2ish.core.outputs import name_of_url, url_basename
from cachi2ish.core.pages import Hashes, IndexFile, digests_of
from cachi2ish.core.requirements import Git, Purpose, Url
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.interface import SourceFolder

_COMMIT = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TRANSPORTS = frozenset({"https", "http", "ssh", "file"})


class Entry(Struct, frozen=True, kw_only=True):
    """A package of a lock file, and where it stands.

    marker: what is left of the markers that lead to it. hint: what helps where it is not as it should be.
    """

    name: str
    marker: str | None
    origin: Origin
    purpose: Purpose
    hint: str

    def error(self, problem: str, hint: str | None = None) -> LockFileError:
        """Return an error about the package."""
        return LockFileError(f"{excerpt(self.name)}: {problem}", hint=hint or self.hint, origin=self.origin)

    def address(self, url: str, what: str) -> str:
        """Return an address of the web, without its fragment; raises `LockFileError`."""
        if urls.split_web(url) is None or not printable(url):
            raise self.error(
                f"{excerpt(what)} has no http or https address", "lock it from an index or an address of the web"
            )
        return urls.without_fragment(url)

    def source_file(self, path: str) -> str:
        """Return the address of a file of the source, ``file:`` and its path from the root.

        path: relative to the folder of the lock file. Raises `LockFileError` for one outside.
        """
        return f"file:{quote(inside(self, path, 'file'))}"

    def hashes(self, hashes: Mapping[str, str], what: str) -> Hashes:
        """Return the hashes of a file, of which one at least proves it; raises `LockFileError`."""
        known = tuple(
            (name, value) for name, value in hashes.items() if name.lower().replace("-", "_") in ALGORITHMS
        )
        try:
            found = [Digest.of(name, value) for name, value in known]
        except InvalidDigestError as error:
            raise self.error(f"{excerpt(what)}: {shortened(str(error))}") from None
        if not any_strong(found):
            raise self.error(f"{excerpt(what)} has no hash that proves it, only {excerpt(', '.join(hashes))}")
        return known

    def size(self, size: int | None, what: str) -> int | None:
        """Return the size of a file; raises `LockFileError`."""
        if size is not None and size < 0:
            raise self.error(f"the size of {excerpt(what)} is negative")
        return size

    def utc(self, time: datetime | None) -> datetime | None:
        """Return an upload time, aware. PEP 751 demands UTC: one without an offset is in UTC."""
        if time is None or time.tzinfo is None:
            return None if time is None else time.replace(tzinfo=UTC)
        try:
            return time.astimezone(UTC)
        except OverflowError:
            raise self.error(f"the upload time {time} is outside of the years 1 to 9999") from None

    def subdirectory(self, path: str | None) -> str | None:
        """Return a folder in an archive or a commit; raises `LockFileError` for one that leads out."""
        if path and (path.startswith("/") or ".." in path.replace("\\", "/").split("/") or not printable(path)):
            raise self.error(f"the subdirectory {excerpt(path)!r} leads out of what it is in")
        return path or None

    def archive(self, url: str, hashes: Mapping[str, str], subdirectory: str | None) -> Url:
        """Return the requirement for an archive or a wheel at an address; raises `LockFileError`."""
        requirement = Url(
            name=self.name,
            marker=self.marker,
            origin=self.origin,
            purpose=self.purpose,
            url=urls.Address(url),
            digest=min(
                strong(digests_of(self.hashes(hashes, "archive"))),
                key=lambda one: (one.algorithm != "sha256", one),
            ),
            subdirectory=self.subdirectory(subdirectory),
        )
        name_of_url(requirement)  # raises where the address does not end like a distribution
        basename = url_basename(requirement.url)
        if is_wheel(basename) and read_name(basename, requirement.project) is None:
            raise self.error(f"its archive is {excerpt(basename)!r}, which is no wheel of it")
        return requirement

    def git(self, url: str, commit: str, subdirectory: str | None) -> Git:
        """Return the requirement for a commit; raises `LockFileError`."""
        if not _COMMIT.fullmatch(commit):
            raise self.error(f"its commit-id {excerpt(commit)!r} is no full commit of 40 hexadecimal digits")
        url = url.removeprefix("git+")
        parts = urls.split(url)
        scheme = parts.scheme.lower() if parts else ""
        host = (parts.hostname or "") if parts else ""
        if (
            scheme not in _TRANSPORTS
            or not printable(url)
            or (scheme != "file" and not host)
            or host.startswith("-")
        ):
            raise self.error(
                "its repository has no address that is read here",
                "git is read over https, http, ssh and file: lock it from https://host/path or ssh://user@host/path",
            )
        return Git(
            name=self.name,
            marker=self.marker,
            origin=self.origin,
            purpose=self.purpose,
            url=urls.Address(urls.without_fragment(url)),
            commit=commit.lower(),
            subdirectory=self.subdirectory(subdirectory),
        )

    def without_files(self) -> str:
        """Return the warning on a package without files; raises `LockFileError` where it is needed everywhere."""
        if self.marker is None:
            raise self.error("the lock has no file of it, so nobody can install it")
        return (
            f"{self.origin}: {excerpt(self.name)} is left out: the lock has no file of it, so nobody can install"
            f" it ({shortened(self.marker)})"
        )

    def once_each(self, files: Iterable[IndexFile | LockFileError]) -> tuple[IndexFile, ...]:
        """Return the files of a package, each name once; raises all errors among them."""
        found: dict[str, IndexFile] = {}
        errors: list[Cachi2ishError] = []
        for file in files:
            if isinstance(file, LockFileError):
                errors.append(file)
            elif found.setdefault(file.filename, file).digests != file.digests:
                errors.append(self.error(f"{excerpt(file.filename)} stands there twice, with different hashes"))
        raise_all(errors)
        return tuple(found.values())


def printable(text: str) -> bool:
    """Return whether a text has no white space and nothing that a terminal would act on."""
    return not any(character.isspace() or not character.isprintable() for character in text)


def names_a_file(path: str) -> bool:
    """Return whether a path ends as a wheel or an archive does, so that it is no folder."""
    name = posixpath.basename(path)
    return is_wheel(name) or sdist_extension(name) is not None


def source_folder(entry: Entry, path: str) -> SourceFolder:
    """Return a package that is a folder of the source; raises `LockFileError` for one outside.

    path: relative to the folder of the lock file.
    """
    return SourceFolder(name=entry.name, path=folder_of(entry, path), origin=entry.origin)


def folder_of(entry: Entry, path: str) -> str:
    """Return a folder of the source, relative to its root; raises `LockFileError` for one outside."""
    return inside(entry, path, "directory")


def inside(entry: Entry, path: str, what: str) -> str:
    """Return a path of the source, relative to its root; raises `LockFileError` for one outside.

    path: relative to the folder of the lock file. what: it is, for people.
    """
    here = posixpath.dirname(entry.origin.file)
    folder = posixpath.normpath(posixpath.join(here, path))
    if not path.isprintable():
        raise entry.error(f"the {what} {excerpt(path)!r} has a character that no path has")
    if posixpath.isabs(folder) or folder.partition("/")[0] == "..":
        raise entry.error(
            f"the {what} {excerpt(path)!r} is outside the source, so no build elsewhere has it",
            "move it into the source directory, or lock a published version, an archive or a git commit of it",
        )
    return folder


def expanded(url: str, environ: Mapping[str, str], origin: Origin) -> str:
    """Return an address with the value of each ``${VAR}`` in it; raises `LockFileError` where one has none."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if not environ.get(name):
            raise LockFileError(
                f"an address of an index has the variable {name}, which has no value",
                hint=f"set {name} in the environment",
                origin=origin,
            )
        return environ[name]

    return _VARIABLE.sub(value, url)
