"""Platforms and versions as other programs write them: what is taken for a tag, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

#: What the glibc of every usual image accepts: Debian 10, RHEL 8, Ubuntu 20.04, and all that came after them.
_USUAL_GLIBC = "2_28"

_USUAL_MUSL = "1_2"
_USUAL_MACOS = "14_0"

#: Architectures as Docker, Debian, Go, Rust and Windows call them, and the name in tags for Linux.
_ARCHES: Mapping[str, str] = {
    **dict.fromkeys(("x86_64", "x86-64", "amd64", "x64"), "x86_64"),
    **dict.fromkeys(("aarch64", "arm64", "armv8"), "aarch64"),
    **dict.fromkeys(("i686", "i586", "i386", "386", "x86", "win32"), "i686"),
    **dict.fromkeys(("armv7l", "armv7", "armhf", "arm/v7"), "armv7l"),
    **dict.fromkeys(("armv6l", "armv6", "armel", "arm/v6"), "armv6l"),
    **dict.fromkeys(("ppc64le", "ppc64el"), "ppc64le"),
    **{name: name for name in ("s390x", "riscv64", "loongarch64", "ppc64")},
}
_ARCH = re.compile(
    rf"(?<![a-z0-9])({'|'.join(map(re.escape, sorted(_ARCHES, key=len, reverse=True)))})(?![a-z0-9])"
)
_WINDOWS = {"x86_64": "win_amd64", "aarch64": "win_arm64", "i686": "win32"}
_MACOS = {"x86_64": "x86_64", "aarch64": "arm64"}

#: What ``docker build --platform`` takes: a variant is of no concern to wheels.
_DOCKER = re.compile(r"(linux|windows)/(amd64(?:/v[1-4])?|arm64(?:/v8)?|386|arm/v7|ppc64le|s390x)")

#: glibc by distribution and release.
_GLIBC: Mapping[str, str] = {
    "debian10": "2_28",
    "debian11": "2_31",
    "debian12": "2_36",
    "debian13": "2_41",
    "buster": "2_28",
    "bullseye": "2_31",
    "bookworm": "2_36",
    "trixie": "2_41",
    "ubuntu20.04": "2_31",
    "ubuntu22.04": "2_35",
    "ubuntu24.04": "2_39",
    **{f"{name}{release}": glibc for name in ("rhel", "ubi", "el", "centos", "rocky", "rockylinux", "alma")
       for release, glibc in (("7", "2_17"), ("8", "2_28"), ("9", "2_34"), ("10", "2_39"))},
    "amazonlinux2": "2_26",
    "amazonlinux2023": "2_34",
}  # fmt: skip
_DISTRIBUTION = re.compile(
    rf"(?<![a-z])({'|'.join(map(re.escape, sorted(_GLIBC, key=len, reverse=True)))})(?![a-z0-9])"
)

_VERSION = re.compile(r"(?:linux|musl|glibc|macosx?|darwin)_?(\d{1,2}_\d{1,2})(?!\d)")
_LEGACY = re.compile(r"manylinux_?(1|2010|2014)(?![\d_]*_\d)")


def tag_of_docker(text: str) -> str | None:
    """Return the platform tag for ``linux/arm64`` and the like, as Docker writes platforms; None for other text.

    Docker does not say which C library an image has: it is taken to be glibc, as old as any that is supported.
    """
    found = _DOCKER.fullmatch(text)
    if found is None:
        return None
    arch = _ARCHES[found[2] if found[2] == "arm/v7" else found[2].partition("/")[0]]
    return _WINDOWS.get(arch) if found[1] == "windows" else f"manylinux_{_USUAL_GLIBC}_{arch}"


def meant_platforms(text: str) -> tuple[str, ...]:
    """Return the platform tags that ``text`` may stand for, the likeliest first: none has to be valid."""
    text = text.strip().lower()
    arch, distribution = _ARCH.search(text), _DISTRIBUTION.search(re.sub(r"(?<=[a-z])[^a-z0-9]+(?=\d)", "", text))
    linux_arch = _ARCHES[arch[1]] if arch else "x86_64"
    own = _VERSION.search(text)
    versions = [own[1]] if own else []
    if text.startswith("win") or "windows" in text:
        return (_WINDOWS.get(linux_arch, ""),)
    if re.match(r"mac|darwin|osx", text) or "apple" in text:
        mac_arch = _MACOS.get(linux_arch if arch else "aarch64", "")
        return tuple(f"macosx_{version}_{mac_arch}" for version in (*versions, _USUAL_MACOS))
    if "musl" in text or "alpine" in text:
        return tuple(f"musllinux_{version}_{linux_arch}" for version in (*versions, _USUAL_MUSL))
    if legacy := _LEGACY.search(text):
        return (f"manylinux{legacy[1]}_{linux_arch}",)
    if distribution:
        versions.append(_GLIBC[distribution[1]])
    elif not arch and "linux" not in text and not re.match("debian|ubuntu|rhel|ubi|centos|fedora", text):
        return ()
    return tuple(f"manylinux_{version}_{linux_arch}" for version in (*versions, _USUAL_GLIBC))


class MeantPython(Struct, frozen=True):
    """A version of Python 3. free_threaded: of the build without a GIL. pypy: of PyPy."""

    version: str
    free_threaded: bool
    pypy: bool


_PYTHON = re.compile(r"(?<![\d.])3(?:\.(\d{1,2})|(\d{1,2}))(?:\.\d{1,2})?(?![\d])(t(?![a-z]))?")


def meant_python(text: str) -> MeantPython | None:
    """Return the version that ``text`` has in it, as in ``cp311``, ``3.13t`` or ``python:3.12-slim``; or None."""
    found = _PYTHON.search(text.lower())
    if found is None:
        return None
    return MeantPython(f"3.{found[1] or found[2]}", bool(found[3]), text.lower().startswith("pp"))
