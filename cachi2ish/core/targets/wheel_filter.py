"""Hermeto's filter of wheels (``binary``), by tags.

A wheel passes if one of its tags does: the values of one key are alternatives, the keys hold together. Where
Hermeto looks for a word anywhere in a tag, here the word is a part of it: ``arm`` is not ``armv7l``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

from msgspec import Struct
from packaging.tags import Tag

from cachi2ish.core.choose.reasons import Facts, Reason
from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.targets.markers import holds
from cachi2ish.core.targets.platforms import (
    ARCHES,
    FAT_BINARIES,
    LINUX_FAMILIES,
    Platform,
    machine_fact,
    os_facts,
    read_platform,
)

#: ABIs that serve later versions of Python too (PEP 384, PEP 803; "none" is no ABI at all).
_STABLE_ABIS = frozenset({"abi3", "abi3t", "none"})

#: ABIs that are never left for what they are, as in Hermeto.
_ANY_ABI = frozenset({"abi3", "none"})

_INTERPRETER = r"([a-z]+)(\d)(\d{0,9})"

_FAMILIES: Mapping[str, frozenset[str]] = {
    "linux": LINUX_FAMILIES,
    "macos": frozenset({"macosx"}),
    "darwin": frozenset({"macosx"}),
    "osx": frozenset({"macosx"}),
    "windows": frozenset({"win"}),
}

_IMPLEMENTATIONS = {"cpython": "cp", "pypy": "pp"}

_MARKER_IMPLEMENTATIONS = {
    "cp": {"implementation_name": "cpython", "platform_python_implementation": "CPython"},
    "pp": {"implementation_name": "pypy", "platform_python_implementation": "PyPy"},
}

_KNOWN_ARCHES = frozenset({"i386", "x86", "arm64_v8a", "mips64", *FAT_BINARIES}).union(*ARCHES.values())
_KNOWN_SYSTEMS = frozenset({"android", "ios", *ARCHES, *_FAMILIES})

#: The values of a key, or None for all.
Words = frozenset[str] | None


class WheelFilter(Struct, frozen=True, kw_only=True):
    """Which wheels are taken. None stands for ``:all:``.

    packages: normalised names that come as wheels only, the others as sdists; None: sdists, and wheels beside.
    arch, os: of the platform tag; platform: a regular expression that is looked for in it instead of the two.
    py_version: (3, 12); py_impl: ``cp``, ``pp``; abi: ``cp312``.
    """

    packages: Words = None
    arch: Words = frozenset({"x86_64"})
    os: Words = frozenset({"linux"})
    py_version: tuple[int, ...] | None = None
    py_impl: Words = frozenset({"cp"})
    abi: Words = None
    platform: str | None = None

    def names(self, project: str) -> bool:
        """Return whether ``packages`` names a project."""
        return self.packages is not None and project in self.packages

    def takes_wheels_of(self, project: str) -> bool:
        """Return whether wheels of a project may be taken at all."""
        return self.packages is None or project in self.packages

    def why_not(self, tags: Iterable[Tag]) -> tuple[Reason, Facts] | None:
        """Return why a wheel with these tags is not taken, and what would be; None if it is taken."""
        left = tuple(tags)
        for passes, reason, accepted in self._steps():
            left = tuple(tag for tag in left if passes(tag))
            if not left:
                return reason, Facts(accepted=accepted)
        return None

    def wants(self, marker: str | None) -> bool:
        """Return whether a marker holds on a machine that the filter describes, or may hold on one."""
        return holds(marker, self._machines())

    def _steps(self) -> Iterator[tuple[Callable[[Tag], bool], Reason, tuple[Words, ...]]]:
        yield self._implementation_passes, Reason.OTHER_IMPLEMENTATION, (self.py_impl,)
        version = frozenset({".".join(map(str, self.py_version or ()))})
        yield self._version_passes, Reason.OTHER_PYTHON, (version,)
        yield self._abi_passes, Reason.OTHER_ABI, (self.abi,)
        if self.platform is None:
            yield self._platform_passes, Reason.OTHER_PLATFORM, (self.os, self.arch)
        else:
            yield self._platform_passes, Reason.OTHER_PLATFORM_TAG, (frozenset({self.platform}),)

    def _implementation_passes(self, tag: Tag) -> bool:
        name, version = _interpreter(tag.interpreter)
        if self.py_impl is None or (name == "py" and version[:1] == (3,)):
            return True
        return any(tag.interpreter == word or name == _IMPLEMENTATIONS.get(word, word) for word in self.py_impl)

    def _version_passes(self, tag: Tag) -> bool:
        wanted = self.py_version
        _, version = _interpreter(tag.interpreter)
        if wanted is None or version == wanted:
            return True
        return version[:1] == wanted[:1] and version < wanted and tag.abi in _STABLE_ABIS

    def _abi_passes(self, tag: Tag) -> bool:
        return self.abi is None or tag.abi in _ANY_ABI or tag.abi in self.abi

    def _platform_passes(self, tag: Tag) -> bool:
        if self.platform is not None:
            return re.search(self.platform, tag.platform) is not None
        if tag.platform == "any":
            return True
        platform = read_platform(tag.platform)
        if platform is None:
            return self.arch is None and self.os is None
        return (self.arch is None or any(_has_arch(platform, word) for word in self.arch)) and (
            self.os is None or any(_has_system(platform, word) for word in self.os)
        )

    def _machines(self) -> Iterator[dict[str, str]]:
        """Yield what is known of each machine described, as marker variables."""
        declared = self.py_version or ()
        version = {"python_version": ".".join(map(str, declared))} if len(declared) > 1 else {}
        implementations = [
            _MARKER_IMPLEMENTATIONS.get(_IMPLEMENTATIONS.get(word, word), {}) for word in self.py_impl or ("",)
        ]
        for implementation, platform in product(implementations, self._platform_facts()):
            yield {**version, **implementation, **platform}

    def _platform_facts(self) -> Iterator[dict[str, str]]:
        if self.platform is not None or self.os is None:
            yield {}
            return
        for word, arch in product(self.os, self.arch or ("",)):
            families = _FAMILIES.get(word, frozenset({word.partition("_")[0].rstrip("0123456789")}))
            for family in families:
                yield os_facts(family) | machine_fact(family, arch)

    def unknown_words(self) -> Iterator[str]:
        """Yield a sentence for each word that no tag can have, and that therefore matches nothing."""
        for key, words, known in (("arch", self.arch, _KNOWN_ARCHES), ("os", self.os, _KNOWN_SYSTEMS)):
            for word in sorted(words or ()):
                if word not in known and (key == "arch" or _begins_no_tag(word)):
                    meant = did_you_mean(word, sorted(known), most=2)
                    problem = f"binary.{key}: no tag of a wheel says {word}, so it matches none"
                    yield "; ".join(filter(None, (problem, meant)))


def _begins_no_tag(word: str) -> bool:
    """Return whether a word is not the beginning of a tag either (``manylinux2014``, ``macosx_11_0``)."""
    read = (read_platform(text) for text in (word, f"{word}_x86_64"))
    return not any(platform is not None and platform.family in ARCHES for platform in read)


def _has_arch(platform: Platform, word: str) -> bool:
    return platform.arch == word or word in FAT_BINARIES.get(platform.arch, ())


def _has_system(platform: Platform, word: str) -> bool:
    # Beside a family, the beginning of a tag up to one of its "_" may be given: manylinux2014, macosx_11_0.
    return (
        platform.family in _FAMILIES.get(word, frozenset({word}))
        or platform.tag == word
        or platform.tag.startswith(f"{word}_")
    )


def _interpreter(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the name and the version in an interpreter tag; ``cp312`` is (3, 12), ``py3`` is (3,)."""
    found = re.fullmatch(_INTERPRETER, text)
    if found is None:
        return text, ()
    minor = (int(found[3]),) if found[3] else ()
    return found[1], (int(found[2]), *minor)
