"""File names of distributions: which project and version a name speaks of.

Wheels follow the binary distribution format (PEP 427). Sdists were never named by one rule before PEP 625, so
a name is read as pip reads it: with the project known, the version is what stands behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from packaging.tags import Tag
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
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

WHEEL_EXTENSION = ".whl"


@dataclass(frozen=True, slots=True)
class SdistName:
    """A source distribution. version: as the name spells it. extension: one of `SDIST_EXTENSIONS`."""

    version: str
    extension: str


@dataclass(frozen=True, slots=True)
class WheelName:
    """A wheel. version: as the name spells it. tags: its compressed tag set, expanded (PEP 425).

    build: the build tag, empty where there is none; of two wheels that fit alike, the greater one is meant.
    """

    version: str
    tags: frozenset[Tag]
    build: tuple[()] | tuple[int, str] = ()


def sdist_extension(filename: str) -> str | None:
    """Return the ending that makes ``filename`` a source archive, in lower case, or None."""
    lowered = filename.lower()
    return next((extension for extension in SDIST_EXTENSIONS if lowered.endswith(extension)), None)


def is_wheel(filename: str) -> bool:
    """Return whether the name ends like a wheel's."""
    return filename.lower().endswith(WHEEL_EXTENSION)


def read_name(filename: str, project: NormalizedName) -> SdistName | WheelName | None:
    """Return what ``filename`` says if it is a distribution of ``project``, and None if it is not.

    A name that begins like a wheel's and cannot be parsed is no wheel: None.
    """
    if is_wheel(filename):
        return _wheel(filename, project)
    extension = sdist_extension(filename)
    if extension is None:
        return None
    stem = filename[: -len(extension)]
    for position, character in enumerate(stem):
        if character == "-" and position + 1 < len(stem) and canonicalize_name(stem[:position]) == project:
            return SdistName(stem[position + 1 :], extension)
    return None


def _wheel(filename: str, project: NormalizedName) -> WheelName | None:
    named = _any_wheel(filename)
    return named[1] if named is not None and named[0] == project else None


def _any_wheel(filename: str) -> tuple[NormalizedName, WheelName] | None:
    try:
        project, _, build, tags = parse_wheel_filename(filename[: -len(WHEEL_EXTENSION)] + WHEEL_EXTENSION)
    except ValueError:  # the two of packaging's, and numbers beyond what `int` reads
        return None
    return project, WheelName(filename.split("-")[1], tags, build)


def wheel_tags(filename: str) -> frozenset[Tag]:
    """Return the tags that a wheel of any project states; none where ``filename`` is no wheel's name."""
    named = _any_wheel(filename)
    return frozenset() if named is None else named[1].tags


def stated_version(filename: str, project: NormalizedName) -> str | None:
    """Return the version in the name of a file of ``project`` without reading the rest of it, or None.

    A file that ends like a wheel has one even where `read_name` finds that it is no wheel's name.
    """
    if not is_wheel(filename):
        name = read_name(filename, project)
        return name.version if name else None
    stem, _, rest = filename[: -len(WHEEL_EXTENSION)].partition("-")
    return rest.partition("-")[0] if canonicalize_name(stem) == project else None


def same_version(stated: str, wanted: str, *, arbitrary: bool = False) -> bool:
    """Return whether a file's version is the one that is pinned.

    Compared by PEP 440 (``1.0`` is ``1.0.0``; a local version label matters only where the pin has one), as
    text where ``arbitrary`` (``===``) or where either is no PEP 440 version.
    """
    # File names replace "+" and "-" by "_" (PEP 427, PEP 625).
    if stated.casefold() == wanted.casefold() or stated.casefold() == wanted.casefold().replace("-", "_"):
        return True
    try:
        left, right = _version(stated), Version(wanted)
    except ValueError:
        return False
    if arbitrary:
        return str(left).casefold() == wanted.casefold()
    if right.local is None:
        return Version(left.public) == right
    return left == right


def has_local_label(version: str) -> bool:
    """Return whether a version as a file's name spells it has a local version label (PEP 440, ``1.0+cpu``)."""
    try:
        return _version(version).local is not None
    except ValueError:
        return "+" in version


def version_order(stated: str) -> tuple[bool, Version]:
    """Return what versions in file names are ordered by; what is no PEP 440 version comes before all that are."""
    try:
        return True, _version(stated)
    except ValueError:
        return False, Version("0")


def _version(stated: str) -> Version:
    # "_" may stand for a separator of the public version ("1.0_rc1"), or for the "+" before a local label
    # ("1.0_cpu"): what is a version as it stands is that version.
    try:
        return Version(stated)
    except InvalidVersion:
        return Version(stated.replace("_", "+", 1))


def plain_name(filename: str) -> bool:
    """Return whether ``filename`` can be used as the name of a file in a directory and nothing else."""
    return (
        bool(filename)
        and filename not in {".", ".."}
        and PurePosixPath(filename).name == filename
        and "\\" not in filename
        and all(character.isprintable() for character in filename)
        and len(filename.encode("utf-8", "surrogatepass")) <= 255  # noqa: PLR2004  (NAME_MAX)
    )
