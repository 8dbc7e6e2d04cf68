"""Platform tags: what one says, and which others hold on a machine of that platform.

The specification is "Platform compatibility tags" of the Python Packaging User Guide: PEP 425, PEP 513, 571 and
599 (manylinux1, 2010, 2014), PEP 600 (manylinux by glibc version), PEP 656 (musllinux).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct
from packaging.tags import mac_platforms

#: The glibc version that each tag from before PEP 600 stands for.
_LEGACY_GLIBC = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}

_LEGACY_NAMES = {version: f"manylinux{name}" for name, version in _LEGACY_GLIBC.items()}

#: The oldest glibc that has a tag: only Intel had wheels before manylinux2014.
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "i686": 5}
_OLDEST_GLIBC_MINOR_ELSEWHERE = 17

_TAG = r"(?P<family>[a-z]+?)(?:(?P<legacy>1|2010|2014)|(?P<version>(?:_\d{1,9})*))_(?P<arch>[a-z]\w*)"

LINUX_FAMILIES = frozenset({"linux", "manylinux", "musllinux"})

_LINUX_ARCHES = (
    "x86_64",
    "aarch64",
    "i686",
    "armv7l",
    "ppc64le",
    "s390x",
    "riscv64",
    "loongarch64",
    "ppc64",
    "armv6l",
)

#: The architectures that a target of each family can have.
ARCHES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(sorted(LINUX_FAMILIES), _LINUX_ARCHES),
    "macosx": ("arm64", "x86_64"),
    "win": ("amd64", "arm64", "win32"),
}

#: The architectures that a macOS wheel for several of them runs on.
FAT_BINARIES: Mapping[str, frozenset[str]] = {
    "universal2": frozenset({"arm64", "x86_64"}),
    "intel": frozenset({"x86_64", "i386"}),
    "fat64": frozenset({"x86_64", "ppc64"}),
    "fat3": frozenset({"x86_64", "i386", "ppc"}),
    "universal": frozenset({"x86_64", "i386", "ppc", "ppc64"}),
}


class Platform(Struct, frozen=True):
    """What a platform tag says.

    tag: as it is written. family: ``linux``, ``manylinux``, ``musllinux``, ``macosx``, ``win``, or another word.
    version: of the C library or of macOS, the oldest that will do; empty where the tag states none.
    arch: as the tag spells it (``amd64`` on Windows, ``x86_64`` elsewhere).
    """

    tag: str
    family: str
    version: tuple[int, ...]
    arch: str


def read_platform(tag: str) -> Platform | None:
    """Return what ``tag`` says, or None for ``any`` and for what is no platform tag."""
    if tag == "win32":
        return Platform(tag, "win", (), "win32")
    found = re.fullmatch(_TAG, tag)
    if found is None:
        return None
    if found["legacy"]:
        version: tuple[int, ...] = _LEGACY_GLIBC[found["legacy"]]
    else:
        version = tuple(int(part) for part in found["version"].split("_")[1:])
    return Platform(tag, found["family"], version, found["arch"])


def implied_tags(platform: Platform) -> tuple[str, ...]:
    """Return the platform tags that a machine of ``platform`` accepts, the best first, as pip orders them there.

    A glibc accepts what was built for older ones, under the names from before PEP 600 too; musl likewise. A bare
    ``linux_…`` says nothing about the C library, so it implies nothing else.
    """
    if platform.family == "macosx":
        major, minor = platform.version
        return tuple(mac_platforms((major, minor), platform.arch))
    if platform.family == "manylinux":
        return (f"linux_{platform.arch}", *_glibc_tags(platform))
    if platform.family == "musllinux":
        major, minor = platform.version
        older = (f"musllinux_{major}_{each}_{platform.arch}" for each in range(minor, -1, -1))
        return (f"linux_{platform.arch}", *older)
    return (platform.tag,)


def _glibc_tags(platform: Platform) -> Iterator[str]:
    major, newest = platform.version
    oldest = _OLDEST_GLIBC_MINOR.get(platform.arch, _OLDEST_GLIBC_MINOR_ELSEWHERE)
    for minor in range(newest, oldest - 1, -1):
        yield f"manylinux_{major}_{minor}_{platform.arch}"
        if (major, minor) in _LEGACY_NAMES:
            yield f"{_LEGACY_NAMES[major, minor]}_{platform.arch}"


def marker_facts(platform: Platform) -> dict[str, str]:
    """Return the marker variables (PEP 508) that a platform settles."""
    return os_facts(platform.family) | machine_fact(platform.family, platform.arch)


def os_facts(family: str) -> dict[str, str]:
    """Return the marker variables that the family of a platform settles; none for a family not known here."""
    if family in LINUX_FAMILIES:
        return {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    if family == "macosx":
        return {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}
    if family == "win":
        return {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
    return {}


def machine_fact(family: str, arch: str) -> dict[str, str]:
    """Return ``platform_machine`` as Python spells it there; empty where the two do not go together."""
    if arch not in ARCHES.get(family, ()):
        return {}
    windows = {"amd64": "AMD64", "arm64": "ARM64", "win32": "x86"}
    return {"platform_machine": windows[arch] if family == "win" else arch}
