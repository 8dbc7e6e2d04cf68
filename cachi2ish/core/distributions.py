"""File names of distributions: which project and version a name speaks of.

Wheels follow the binary distribution format (PEP 427). Sdists were never named by one rule before PEP 625, so
a name is read as pip reads it: with the project known, the version is what stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from msgspec import Struct
from packaging.tags import Tag, parse_tag
from packaging.utils import BuildTag, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

#: The endings of archives that pip unpacks, in the order in which they are preferred.
SDIST_EXTENSIONS = (
    ".tar.gz",
    ".zip",
    ".tgz",
    ".tar.bz2",
    ".tbz",
    ".tar.xz",
    ".txz",
    ".tar.lzma",
    ".tlz",
    ".tar.lz",
    ".tar",
)

_USUAL_SDIST = SDIST_EXTENSIONS[0]

WHEEL_EXTENSION = ".whl"

#: Bytes of the name of a file, at most.
_NAME_MAX = 255

#: Python, ABI and platform.
_PARTS_OF_TAGS = 3

#: The first numbers of a version. Equal versions (PEP 440) have equal ones, as far as neither has an epoch.
_RELEASE = re.compile(r"\s*[vV]?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?")


class SdistName(Struct, frozen=True):
    """A source distribution. version: as the name spells it. extension: one of `SDIST_EXTENSIONS`."""

    version: str
    extension: str


class WheelName(Struct, frozen=True):
    """A wheel. version, tag_set: as the name spells them (PEP 425: a compressed tag set).

    build: the build tag, empty where there is none; of two wheels that fit alike, the greater one is meant.
    """

    version: str
    tag_set: str
    build: tuple[()] | tuple[int, str] = ()

    @property
    def tags(self) -> frozenset[Tag]:
        """The tag set, expanded. Most wheels are passed over without a look at it."""
        return _tags(self.tag_set)


def sdist_extension(filename: str) -> str | None:
    """Return the ending that makes ``filename`` a source archive, in lower case, or None."""
    if filename.endswith(_USUAL_SDIST):
        return _USUAL_SDIST
    lowered = filename.lower()
    return next((extension for extension in SDIST_EXTENSIONS if lowered.endswith(extension)), None)


def is_wheel(filename: str) -> bool:
    """Return whether the name ends like a wheel's."""
    return filename.endswith(WHEEL_EXTENSION) or filename.lower().endswith(WHEEL_EXTENSION)


def read_name(filename: str, project: NormalizedName) -> SdistName | WheelName | None:
    """Return what ``filename`` says if it is a distribution of ``project``, and None if it is not.

    A name that begins like a wheel's and cannot be parsed is no wheel: None.
    """
    if is_wheel(filename):
        return _wheel(filename, project)
    extension = sdist_extension(filename)
    if extension is None:
        return None
    version = _sdist_version(filename[: -len(extension)], lambda name: canonicalize_name(name) == project)
    return None if version is None else SdistName(version, extension)


def _sdist_version(stem: str, is_own: Callable[[str], bool]) -> str | None:
    position = stem.find("-")
    while 0 <= position < len(stem) - 1:
        if is_own(stem[:position]):
            return stem[position + 1 :]
        position = stem.find("-", position + 1)
    return None


def _wheel(filename: str, project: NormalizedName) -> WheelName | None:
    named = _any_wheel(filename)
    return named[1] if named is not None and named[0] == project else None


def _any_wheel(filename: str) -> tuple[NormalizedName, WheelName] | None:
    head, *tags = filename[: -len(WHEEL_EXTENSION)].rsplit("-", 3)
    if len(tags) != _PARTS_OF_TAGS or not _is_tag_set(tag_set := "-".join(tags)):
        return None
    try:
        project, version, build = _wheel_head(head)
    except ValueError:  # of packaging's, and numbers beyond what `int` reads
        return None
    return project, WheelName(version, tag_set, build)


# All wheels of a version have the same beginning, and those of all projects share some hundreds of tag sets.
@lru_cache(maxsize=64)
def _wheel_head(head: str) -> tuple[NormalizedName, str, BuildTag]:
    project, _, build, _ = parse_wheel_filename(f"{head}-py3-none-any{WHEEL_EXTENSION}")
    return project, head.split("-")[1], build


@lru_cache(maxsize=2048)
def _is_tag_set(compressed: str) -> bool:
    interpreters, *others = (part.split(".") for part in compressed.split("-"))
    if all(map(str.isidentifier, interpreters)) and not any("" in part for part in others):
        return True  # which takes a tenth of the time
    try:
        return bool(parse_tag(compressed))
    except ValueError:
        return False


@lru_cache(maxsize=2048)
def _tags(compressed: str) -> frozenset[Tag]:
    return parse_tag(compressed)


def wheel_tags(filename: str) -> frozenset[Tag]:
    """Return the tags that a wheel of any project states; none where ``filename`` is no wheel's name."""
    named = _any_wheel(filename)
    return frozenset() if named is None else named[1].tags


def declared_version(filename: str, project: NormalizedName) -> str | None:
    """Return the version in the name of a file of ``project`` without reading the rest of it, or None.

    A file that ends like a wheel has one even where `read_name` finds that it is no wheel's name.
    """
    return next(iter(by_version((filename,), project)), None)


def by_version(filenames: Iterable[str], project: NormalizedName) -> dict[str, list[int]]:
    """Return which of the names, by their positions, state which version of ``project`` (see `declared_version`).

    The names of a page begin alike, and each beginning is looked at once: ten thousand take some milliseconds.
    """
    known: dict[str, bool] = {}

    def is_own(name: str) -> bool:
        if name not in known:
            known[name] = canonicalize_name(name) == project
        return known[name]

    found: dict[str, list[int]] = {}
    wheel_start, alike = "", list[int]()  # files of one version stand together, and begin alike
    sdist_start = ""  # how names of this project's sdists begin, up to the version
    for position, filename in enumerate(filenames):
        if wheel_start and filename.startswith(wheel_start) and filename.endswith(WHEEL_EXTENSION):
            alike.append(position)
        elif sdist_start and filename.startswith(sdist_start) and filename.endswith(_USUAL_SDIST):
            if version := filename[len(sdist_start) : -len(_USUAL_SDIST)]:
                found.setdefault(version, []).append(position)
        elif is_wheel(filename):
            stem, dash, rest = filename[: -len(WHEEL_EXTENSION)].partition("-")
            version, more, _ = rest.partition("-")
            if is_own(stem):
                wheel_start = f"{stem}-{version}-" if dash and more else ""
                alike = found.setdefault(version, [])
                alike.append(position)
        else:
            extension = sdist_extension(filename)
            stem = filename[: -len(extension)] if extension else ""
            if declared := _sdist_version(stem, is_own):
                found.setdefault(declared, []).append(position)
                sdist_start = stem[: -len(declared)]
    return found


def possible_names(filenames: Sequence[str], wanted: str) -> Sequence[int]:
    """Return where names stand that may state the version ``wanted``: all that do by `same_version`, and others.

    It looks for digits and nothing else, so that a page of ten thousand names takes less than a millisecond.
    """
    release = _release(wanted)
    if release is None:
        return range(len(filenames))
    major, minor, micro = map(str, release)
    # Numbers may have zeros in front, and those that are zero may be missing. The rest of each is there, and the
    # point behind it where another one has to follow.
    if micro != "0":
        marks = [f"{major}.", f"{minor}.", micro]
    else:
        marks = [f"{major}.", minor] if minor != "0" else [major]
    # An empty text is in every name; the longest is the rarest.
    one, other, third = sorted((*marks, *[""] * (3 - len(marks))), key=len, reverse=True)
    return [position for position, name in enumerate(filenames) if one in name and other in name and third in name]


def same_version(declared: str, wanted: str, *, arbitrary: bool = False) -> bool:
    """Return whether a file's version is the one that is pinned.

    Compared by PEP 440 (``1.0`` is ``1.0.0``; a local version label matters only where the pin has one), as
    text where ``arbitrary`` (``===``) or where either is no PEP 440 version.
    """
    # File names replace "+" and "-" by "_" (PEP 427, PEP 625).
    if declared.casefold() == wanted.casefold() or declared.casefold() == wanted.casefold().replace("-", "_"):
        return True
    try:
        left, right = _version(declared), Version(wanted)
    except ValueError:
        return False
    if arbitrary:
        return str(left).casefold() == wanted.casefold()
    if right.local is None:
        return Version(left.public) == right
    return left == right


def which_are(wanted: str, declared: Iterable[str], *, arbitrary: bool = False) -> list[str]:
    """Return those of ``declared`` that are the version ``wanted`` by `same_version`, without parsing each."""
    release = _release(wanted)
    return [
        one
        for one in declared
        # Nearly all versions differ in their first numbers, which costs a tenth of comparing them.
        if (release is None or _release(one) in {release, None}) and same_version(one, wanted, arbitrary=arbitrary)
    ]


def _release(version: str) -> tuple[int, int, int] | None:
    found = _RELEASE.match(version)
    if found is None or "!" in version:
        return None
    try:
        return int(found[1]), int(found[2] or 0), int(found[3] or 0)
    except ValueError:  # more digits than Python reads
        return None


def version_order(declared: str) -> tuple[bool, Version]:
    """Return what versions in file names are ordered by; what is no PEP 440 version comes before all that are."""
    try:
        return True, _version(declared)
    except ValueError:
        return False, Version("0")


def _version(declared: str) -> Version:
    # "_" may stand for a separator of the public version ("1.0_rc1"), or for the "+" before a local label
    # ("1.0_cpu"): what is a version as it stands is that version.
    try:
        return Version(declared)
    except InvalidVersion:
        return Version(declared.replace("_", "+", 1))


def plain_name(filename: str) -> bool:
    """Return whether ``filename`` can be used as the name of a file in a directory and nothing else."""
    return (
        bool(filename)
        and filename not in {".", ".."}
        and "/" not in filename
        and "\\" not in filename
        and filename.isprintable()
        and (len(filename) if filename.isascii() else len(filename.encode("utf-8", "surrogatepass"))) <= _NAME_MAX
    )
