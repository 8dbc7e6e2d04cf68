"""What a run wants to know of a project: pages list thousands of files, and a pin means a few of them."""

from __future__ import annotations

import re
from collections.abc import Collection

from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.core.distributions import WHEEL_EXTENSION, is_wheel, read_name, same_version, sdist_extension

#: The first numbers of a version. Equal versions (PEP 440) have equal ones, as far as neither has an epoch.
_RELEASE = re.compile(r"\s*[vV]?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?")

_Release = tuple[int, int, int] | None


class Interest:
    """Tells the files of some versions of a project by their names, without taking each name apart.

    What is wanted of a page altogether is `cachi2ish.core.sought.Sought`; here its versions are found there.

    To be asked for the thousands of files of one page, by one thread: what it finds out about a version is kept.
    """

    def __init__(self, project: NormalizedName, versions: Collection[str]) -> None:
        """Mean the files of ``versions``, as requirements spell them."""
        self._project = project
        self._versions = frozenset(versions)
        self._releases = {_release(version) for version in self._versions}
        self._necessary: re.Pattern[bytes] | None = None
        self._meant: dict[str, bool] = {}
        self._own: dict[str, bool] = {}
        self._wheels: dict[tuple[str, str], bool] = {}

    @property
    def necessary_pattern(self) -> re.Pattern[bytes] | None:
        """A pattern that occurs in every name that `means` accepts, and in some that it rejects.

        None where there is no such pattern.
        """
        if self._necessary is None and None not in self._releases:
            known = sorted(release for release in self._releases if release is not None)
            self._necessary = re.compile("|".join(map(_necessary_for, known)).encode())
        return self._necessary

    def means(self, filename: str) -> bool:
        """Return whether the file may be one of these versions; False only where it is certainly not."""
        # A release has dozens of wheels that begin alike.
        name, _, rest = filename.partition("-")
        version, _, tags = rest.partition("-")
        if not tags.endswith(WHEEL_EXTENSION):
            return self._means(filename)
        beginning = (name, version)
        meant = self._wheels.get(beginning)
        if meant is None:
            meant = self._wheels[beginning] = self._means(filename)
        return meant

    def _means(self, filename: str) -> bool:
        version = self._version_of(filename)
        if version is None:
            return False
        meant = self._meant.get(version)
        if meant is None:
            meant = self._meant[version] = self._is_meant(version)
        return meant

    def _version_of(self, filename: str) -> str | None:
        # As `stated_version`, which looks at every name afresh.
        if filename.endswith(WHEEL_EXTENSION):
            stem, _, rest = filename.partition("-")
            version = rest.partition("-")[0]
            return version.removesuffix(WHEEL_EXTENSION) if self._is_own(stem) else None
        if is_wheel(filename):
            return self._version_of(filename[: -len(WHEEL_EXTENSION)] + WHEEL_EXTENSION)
        extension = sdist_extension(filename)
        if extension is None:
            return None
        stem, _, version = filename[: -len(extension)].rpartition("-")
        if version and self._is_own(stem):
            return version
        name = read_name(filename, self._project)
        return name.version if name else None

    def _is_own(self, name: str) -> bool:
        own = self._own.get(name)
        if own is None:
            own = self._own[name] = canonicalize_name(name) == self._project
        return own

    def _is_meant(self, version: str) -> bool:
        release = _release(version)
        # Nearly all versions differ in their first numbers, which costs a tenth of comparing them.
        if release is not None and release not in self._releases and None not in self._releases:
            return False
        return any(same_version(version, wanted) for wanted in self._versions)


def _necessary_for(release: tuple[int, int, int]) -> str:
    # "2.10.0" may be spelled "2.10" or "02.010.0". Known characters at the beginning are searched for fastest.
    digits = [str(number) for number in release]
    while len(digits) > 1 and digits[-1] == "0":
        digits.pop()
    # One number alone is part of nearly every digest.
    return r"\.0*".join(digits) if len(digits) > 1 else rf"[^0-9a-fA-F/\"]0*{digits[0]}"


def _release(version: str) -> _Release:
    found = _RELEASE.match(version)
    if found is None or "!" in version:
        return None
    try:
        return int(found[1]), int(found[2] or 0), int(found[3] or 0)
    except ValueError:  # more digits than Python reads
        return None
