"""What is fetched: the pins of a requirements file, and the files of an index that stand for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.failures import BenchmarkError

#: The machine that wheels are for. It is the same one wherever the benchmark runs, so that results compare.
PYTHON = (3, 12)
GLIBC = (2, 28)
ARCHITECTURE = "x86_64"

_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s\\;]+)")
_SHA256 = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


@dataclass(frozen=True)
class Pin:
    """One requirement: a project, its version, and the sha256 of every file that may stand for it."""

    project: str
    version: str
    digests: frozenset[str]


class ListedFile(BaseModel):
    """A file as an index lists it. ``size``: in bytes, where the index states it."""

    model_config = ConfigDict(frozen=True)

    # The name becomes a path: no separator, and no dot at the beginning.
    filename: Annotated[str, Field(pattern=r"^[A-Za-z0-9][^/\\\x00]*$")]
    url: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: int | None = None
    requires_python: str | None = None
    upload_time: datetime | None = None
    yanked: bool | str = False

    @property
    def path(self) -> str:
        """Where the mirror has it: as long as a path of PyPI, so that pages have their real size."""
        return f"packages/{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256[4:]}/{self.filename}"


class ListedProject(BaseModel):
    """All files of a project."""

    model_config = ConfigDict(frozen=True)

    project: str
    files: tuple[ListedFile, ...]


@dataclass(frozen=True)
class Held:
    """A file that the mirror has, and that a case should bring."""

    project: str
    kind: Literal["sdist", "wheel"]
    file: ListedFile


def read_pins(text: str) -> tuple[Pin, ...]:
    """Read a requirements file as ``uv pip compile --generate-hashes`` writes it.

    Raises BenchmarkError for a line that is no pin with sha256 digests: the mirror could not tell which file is
    meant.
    """
    pins = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        statement = line.partition(" #")[0].strip()
        if not statement or statement.startswith("#"):
            continue
        found, digests = _PIN.match(statement), frozenset(_SHA256.findall(statement))
        if not found or not digests:
            raise BenchmarkError(
                f"the requirements file has a line that is no pin with sha256 digests: {statement}"
            )
        pins.append(Pin(found["name"], found["version"], digests))
    if not pins:
        raise BenchmarkError("the requirements file pins nothing")
    return tuple(pins)


def platforms() -> tuple[str, ...]:
    """The platform tags that the machine accepts, the best one first (PEP 600)."""
    tags = []
    for minor in range(GLIBC[1], 4, -1):
        tags.append(f"manylinux_{GLIBC[0]}_{minor}_{ARCHITECTURE}")
        if minor in _LEGACY:
            tags.append(f"{_LEGACY[minor]}_{ARCHITECTURE}")
    return (*tags, f"linux_{ARCHITECTURE}")


def hold(pin: Pin, listed: Sequence[ListedFile]) -> tuple[Held, Held]:
    """Choose the sdist and the best wheel of a pin.

    Raises BenchmarkError if one of them is missing: each case fetches one file for each pin.
    """
    mine = [file for file in listed if file.sha256 in pin.digests]
    sdist = next((file for file in mine if not file.filename.endswith(".whl")), None)
    wheel = _best_wheel(file for file in mine if file.filename.endswith(".whl"))
    if sdist is None or wheel is None:
        missing = "sdist" if sdist is None else f"wheel for Python {_python()} on {platforms()[0]}"
        raise BenchmarkError(f"the index has no {missing} of {pin.project} {pin.version} with a pinned digest")
    return Held(pin.project, "sdist", sdist), Held(pin.project, "wheel", wheel)


def _best_wheel(wheels: Iterable[ListedFile]) -> ListedFile | None:
    rank = {tag: place for place, tag in enumerate(_tags())}
    found = []
    for wheel in wheels:
        _, _, build, tags = parse_wheel_filename(wheel.filename)
        places = [rank[tag] for tag in tags if tag in rank]
        if places:
            found.append((-min(places), build, wheel))
    # As pip does: the best tag, and among equals the highest build number.
    return max(found, key=lambda one: one[:2])[-1] if found else None


def _tags() -> list[Tag]:
    interpreter = f"cp{PYTHON[0]}{PYTHON[1]}"
    compiled = cpython_tags(PYTHON, [interpreter], platforms())
    return [*compiled, *compatible_tags(PYTHON, interpreter, platforms())]


def _python() -> str:
    return f"{PYTHON[0]}.{PYTHON[1]}"
