"""A machine to prefetch for: a Python on a platform, and what pip would accept there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Self

from msgspec import Struct
from msgspec.structs import replace
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags

from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.targets.markers import holds, may_be
from cachi2ish.core.targets.platforms import ARCHES, Platform, implied_tags, marker_facts, read_platform
from cachi2ish.errors import InputError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

#: Words that the nearest known platform is looked for among.
_EXAMPLES = (
    "manylinux_2_28_x86_64",
    "manylinux_2_28_aarch64",
    "manylinux2014_x86_64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx_14_0_arm64",
    "macosx_14_0_x86_64",
    "win_amd64",
    "win_arm64",
    "win32",
    "linux_x86_64",
)

_PYTHON = r"3\.(0|[1-9]\d?)(?:\.(0|[1-9]\d?))?"

#: What each implementation is called in tags, in markers and by people.
_IMPLEMENTATIONS = {"cp": ("cpython", "CPython"), "pp": ("pypy", "PyPy")}

#: What a version without a patch version has: two numbers.
_MINOR = 2

#: The marker variables that a patch version decides.
_OF_PATCHES = ("python_full_version", "implementation_version")

#: A machine accepts a tag for each older version, so there must be an end to them.
_GREATEST = 99

#: The oldest and the newest version that a platform tag of a family may state (PEP 600, PEP 656).
_VERSIONS = {
    "manylinux": ((2, 5), (2, _GREATEST)),
    "musllinux": ((1, 0), (1, _GREATEST)),
    "macosx": ((10, 4), (_GREATEST, _GREATEST)),
}

#: Until 3.7, the ABI of CPython's usual build had an "m" (pymalloc).
_LAST_WITH_PYMALLOC = 7


class Target(Struct, frozen=True, kw_only=True, dict=True):
    """A Python on a platform. Make one with `parse`.

    python: two or three numbers. Where the third is not given, it is 0 for Requires-Python, as for pip's
    ``--python-version``, and any for markers, which may keep a requirement from no release of that Python.
    abi: the one that the interpreter itself has (``cp312``, ``cp313t``, ``pypy310_pp73``).
    """

    python: tuple[int, ...]
    platform: Platform
    implementation: str
    abi: str

    @classmethod
    def parse(cls, python: str, platform: str, implementation: str = "cp", abi: str | None = None) -> Self:
        """Return the target that four texts describe; raises `InputError` for one that makes no sense."""
        version = read_python(python)
        if implementation not in _IMPLEMENTATIONS:
            raise InputError(
                f"{implementation!r} is not an implementation of Python that wheels are chosen for here",
                hint="give cp for CPython, or pp for PyPy",
            )
        usual = _usual_abi(implementation, version)
        return cls(
            python=version,
            platform=read_machine(platform),
            implementation=implementation,
            abi=usual if abi is None else _read_abi(abi, usual, implementation),
        )

    def __str__(self) -> str:
        name = "Python" if self.implementation == "cp" else _IMPLEMENTATIONS[self.implementation][1]
        special = "" if self.abi == _usual_abi(self.implementation, self.python) else f" ({self.abi})"
        return f"{name} {'.'.join(map(str, self.python))}{special} on {self.platform.tag}"

    def platform_tags(self) -> tuple[str, ...]:
        """Return every platform tag that is accepted there, the best first."""
        return implied_tags(self.platform)

    def tags(self) -> Iterator[Tag]:
        """Yield every tag that is accepted there, the best first, as pip on that machine has them."""
        minor = self.python[:2]
        nodot = f"{self.implementation}{minor[0]}{minor[1]}"
        platforms = self.platform_tags()
        if self.implementation == "cp":
            yield from cpython_tags(python_version=minor, abis=[self.abi], platforms=platforms)
            yield from compatible_tags(python_version=minor, interpreter=nodot, platforms=platforms)
        else:
            yield from generic_tags(interpreter=nodot, abis=[self.abi], platforms=platforms)
            yield from compatible_tags(python_version=minor, interpreter="pp3", platforms=platforms)

    @cached_property
    def _ranks(self) -> Mapping[Tag, int]:
        ranks: dict[Tag, int] = {}
        for rank, tag in enumerate(self.tags()):
            ranks.setdefault(tag, rank)
        return ranks

    def rank(self, tags: frozenset[Tag]) -> int | None:
        """Return how well a wheel with ``tags`` fits: 0 is best, None is not at all."""
        known = self._known_ranks
        if tags not in known:
            known[tags] = min((self._ranks[tag] for tag in tags if tag in self._ranks), default=None)
        return known[tags]

    @cached_property
    def _known_ranks(self) -> dict[frozenset[Tag], int | None]:
        return {}  # the wheels of all projects share some hundreds of sets of tags

    def admits_python(self, requires_python: str | None) -> bool:
        """Return whether this Python is one that a file asks for; text that is no specifier asks for nothing."""
        needed = _specifier_of(requires_python)
        return needed is None or needed.contains(self._full_version, prereleases=True)  # as pip decides

    def first_patch(self, requires_python: str | None) -> str | None:
        """Return the first exact version of this Python that a file asks for; None where the target is exact."""
        needed = _specifier_of(requires_python)
        if needed is None:
            return None
        patches = range(_GREATEST + 1 if len(self.python) == _MINOR else 0)
        exact = (".".join(map(str, (*self.python, patch))) for patch in patches)
        return next((one for one in exact if needed.contains(one, prereleases=True)), None)

    def wants(self, *markers: str | None) -> bool:
        """Return whether all of ``markers`` hold there, with one patch version where the target names none."""
        if all(marker is None for marker in markers):
            return True
        return any(all(holds(marker, (machine,)) for marker in markers) for machine in self._machines(markers))

    def answers(self, marker: str | None, extra: str = "") -> frozenset[bool]:
        """Return what a marker may say there: both where the patch version, or what is not known, decides."""
        return may_be(marker, ({**machine, "extra": extra} for machine in self._machines((marker,))))

    def patches_admitted(self, requires_python: str | None) -> frozenset[bool]:
        """Return whether a file asks for this Python: both where its patch version decides."""
        needed = _specifier_of(requires_python)
        if needed is None:
            return frozenset({True})  # as pip decides
        if len(self.python) > _MINOR:
            return frozenset({needed.contains(self._full_version, prereleases=True)})
        exact = (".".join(map(str, (*self.python, patch))) for patch in range(_GREATEST + 1))
        return frozenset(needed.contains(one, prereleases=True) for one in exact)

    def decides(self, marker: str | None) -> bool:
        """Return whether a marker says the same for every patch version that the target may have."""
        machines = tuple(self._machines((marker,)))
        return len(machines) == 1 or len({holds(marker, (machine,)) for machine in machines}) == 1

    def _machines(self, markers: Iterable[str | None]) -> Iterator[Mapping[str, str]]:
        """Yield a marker environment for each patch version that may make a difference."""
        read = " ".join(marker for marker in markers if marker and "_version" in marker)
        if len(self.python) > _MINOR or not any(name in read for name in _OF_PATCHES):
            yield self.marker_environment
            return
        named = re.findall(rf"(?<![\d.]){self.python[0]}\.{self.python[1]}\.(\d\d?)(?!\d)", read)
        around = {int(patch) + step for patch in named for step in (-1, 0, 1)}
        for patch in sorted({0, _GREATEST}.union(around) - {-1}):
            yield replace(self, python=(*self.python, patch)).marker_environment

    @cached_property
    def marker_environment(self) -> Mapping[str, str]:
        """What is known of the marker variables there: all but the kernel's release and version."""
        name, shown = _IMPLEMENTATIONS[self.implementation]
        # PyPy counts its own releases, which nobody states.
        own = {"implementation_version": self._full_version} if name == "cpython" else {}
        return {
            "python_version": ".".join(map(str, self.python[:2])),
            "python_full_version": self._full_version,
            "implementation_name": name,
            "platform_python_implementation": shown,
            **own,
            **marker_facts(self.platform),
        }

    @property
    def _full_version(self) -> str:
        return ".".join(map(str, (*self.python, 0)[:3]))


@lru_cache(1000)  # thousands of files have a few of them
def _specifier_of(requires_python: str | None) -> SpecifierSet | None:
    """Return which releases of Python a file asks for; None for text that is no specifier."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  (many runs read none)

    try:
        return SpecifierSet(requires_python or "")
    except InvalidSpecifier:
        return None


def read_python(text: str) -> tuple[int, ...]:
    """Return the numbers of a version such as ``3.12`` or ``3.12.4``; raises `InputError`."""
    found = re.fullmatch(_PYTHON, text)
    if found is not None:
        return tuple(int(part) for part in text.split("."))
    raise InputError(f"{text!r} is not a version of Python 3", hint=_hint_for_python(text))


def _hint_for_python(text: str) -> str:
    from cachi2ish.core.targets.spellings import meant_python  # noqa: PLC0415  (for a value that is refused)

    meant = meant_python(text)
    if meant is None:
        return 'give one such as "3.12" or "3.12.4"'
    more = ""
    if meant.free_threaded:
        more = f', with "abi": "cp{meant.version.replace(".", "")}t" for the free-threaded build'
    elif meant.pypy:
        more = ', with "implementation": "pp"'
    return f'did you mean "{meant.version}"{more}?'


def read_machine(text: str) -> Platform:
    """Return the platform that the tag of a machine names; raises `InputError` for one that no machine has.

    A platform of Docker's such as ``linux/arm64`` will do, see `tag_of_docker`.
    """
    platform = read_platform(text)
    if platform is not None and _is_machine(platform):
        return platform
    from cachi2ish.core.targets.spellings import meant_platforms, tag_of_docker  # noqa: PLC0415  (few write others)

    platform = read_platform(tag_of_docker(text) or text)
    if platform is not None and _is_machine(platform):
        return platform
    for tag in meant_platforms(text):
        meant = read_platform(tag)
        if meant is not None and _is_machine(meant):
            raise InputError(f"{text!r} is not the platform tag of a machine", hint=f"did you mean {tag!r}?")
    known = platform is not None and platform.family in ARCHES
    if platform is not None and known and platform.arch not in ARCHES[platform.family]:
        arches = ARCHES[platform.family]
        begin = text.removesuffix(platform.arch)
        hint = did_you_mean(platform.arch, arches, f"give one of {', '.join(arches)}", begin=begin)
        raise InputError(f"{text!r} is no platform: wheels for it are not built for {platform.arch}", hint=hint)
    examples = f"give one such as {', '.join(_EXAMPLES[:3])}, win_amd64"
    hint = did_you_mean(text.replace("-", "_"), _EXAMPLES, examples)
    raise InputError(f"{text!r} is not the platform tag of a machine", hint=hint)


def _is_machine(platform: Platform) -> bool:
    return platform.arch in ARCHES.get(platform.family, ()) and _version_fits(platform)


def _version_fits(platform: Platform) -> bool:
    """Return whether a tag states the version that its family has, and one that can be."""
    if platform.family not in _VERSIONS:
        return not platform.version
    oldest, newest = _VERSIONS[platform.family]
    possible = all(part <= _GREATEST for part in platform.version)
    return possible and len(platform.version) == len(oldest) and oldest <= platform.version <= newest


def _usual_abi(implementation: str, python: tuple[int, ...]) -> str:
    nodot = f"{python[0]}{python[1]}"
    if implementation == "pp":
        return f"pypy{nodot}_pp73"
    return f"cp{nodot}{'m' if python[1] <= _LAST_WITH_PYMALLOC else ''}"


def _free_threaded(usual: str) -> str:
    return f"{usual}t" if re.fullmatch(r"cp3(1[3-9]|[2-9]\d)", usual) else "cp313t"


def _read_abi(text: str, usual: str, implementation: str) -> str:
    if text == usual:
        return text
    own = usual.removesuffix("m") if implementation == "cp" else usual.partition("_")[0]
    if re.fullmatch(rf"{own}[a-z]*" if implementation == "cp" else rf"{own}_pp\d+", text):
        return text
    raise InputError(
        f"{text!r} is not an ABI of this Python, whose own is {usual}",
        hint=f"leave abi out; or, for the free-threaded build of CPython, give {_free_threaded(usual)}",
    )
