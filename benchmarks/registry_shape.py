"""How large a made-up registry is, what happens in it on a day, and what its files are like.

The number of files of a project falls with its rank, ``largest / (1 + rank / k)``, where ``k`` follows from the
number of all files. In a registry of a tenth the ranks are ten times as far apart: its pages are those of each
tenth project of the whole.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cachi2ish.core.pages import IndexFile

_FILES = "https://files.example/packages/"
_PLATFORMS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "macosx_11_0_arm64",
    "macosx_10_13_x86_64",
    "musllinux_1_2_x86_64",
    "win_amd64",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a registry is, and what happens in it.

    largest: the number of files that the largest project comes near. until: when the first days are over, and the
    days begin that `Registry.day` has. events_a_day: as the upstream's own log counts them: a file, a release, a
    project, a yank, a deletion, and what changes no file (owners, descriptions), but the serial of the page.
    The others are shares: of releases that are yanked, of files with a provenance; and, of the events of a day
    that are neither files nor releases, of new projects, …; the rest of these changes no file.
    """

    projects: int = 700_000
    files: int = 10_000_000
    largest: int = 40_000
    files_a_day: int = 10_700
    events_a_day: int = 21_000
    seed: int = 1
    until: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    yanked: float = 0.012
    provenance: float = 0.05
    new_projects: float = 0.08
    yanks: float = 0.04
    files_deleted: float = 0.06
    projects_deleted: float = 0.02
    registered_again: float = 0.002
    quarantined: float = 0.002

    def of(self, projects: int) -> Shape:
        """Return that of a registry with so many projects, and everything else in proportion."""
        part = projects / self.projects
        return replace(
            self,
            projects=projects,
            files=round(self.files * part),
            files_a_day=max(1, round(self.files_a_day * part)),
            events_a_day=max(2, round(self.events_a_day * part)),
        )


PYPI = Shape()


def counts(shape: Shape) -> array[int]:
    """Return the number of files of each rank, the largest first: ``shape.files`` in all, none without a file."""
    low, high = 1e-9, float(shape.projects)
    for _ in range(200):
        k = (low + high) / 2
        if shape.largest * k * math.log1p(shape.projects / k) < shape.files:
            low = k
        else:
            high = k
    found = array("q", (max(1, round(shape.largest / (1 + (rank + 0.5) / k))) for rank in range(shape.projects)))
    # What rounding has left goes to those that have several.
    rest, rank = shape.files - sum(found), 0
    while rest:
        step = 1 if rest > 0 else -1
        if found[rank] + step > 0:
            found[rank] += step
            rest -= step
        rank = (rank + 1) % shape.projects
    return found


def files_of_release(count: int) -> int:
    """Return how many files a release of a project with so many has: a large one has wheels for many machines."""
    return 1 if count == 1 else max(2, round(math.sqrt(count / 50)))


@dataclass(slots=True)
class Tally:
    """What has happened: events of each kind, and files that were added."""

    files: int = 0
    releases: int = 0
    new_projects: int = 0
    yanks: int = 0
    files_deleted: int = 0
    projects_deleted: int = 0
    registered_again: int = 0
    quarantined: int = 0
    others: int = 0

    @property
    def events(self) -> int:
        """All of them; a project that is registered again is one, as its first release is."""
        return sum(astuple(self))


def file_of(
    shape: Shape, name: str, version: str, filename: str, moment: datetime, place: int, yanked: str | None
) -> IndexFile:
    """Return a file of a release. place: in its release; yanked: why it is, None where it is not."""
    made = sha256(f"{shape.seed} {filename}".encode())
    digest, raw = made.hexdigest(), made.digest()
    blake = sha256(raw).hexdigest()
    wheel = filename.endswith(".whl")
    return IndexFile(
        filename=filename,
        url=f"{_FILES}{blake[:2]}/{blake[2:4]}/{blake[4:]}/{filename}",
        hashes=(("sha256", digest),),
        requires_python=">=3.8" if raw[0] < 110 else ">=3.9,<4.0" if raw[0] < 190 else None,
        yanked=yanked is not None,
        yanked_reason=yanked or "",
        # From 1 kB to 16 MB and more, most of them small.
        size=(1000 + int.from_bytes(raw[1:3])) << (raw[3] & raw[4] & 7) + (raw[5] & raw[6] & 1),
        upload_time=moment + timedelta(seconds=place * 2),
        core_metadata=(("sha256", blake),) if wheel else None,
        provenance=f"https://index.example/integrity/{name}/{version}/{filename}/provenance"
        if raw[7] < shape.provenance * 256
        else None,
    )


def filename_of(stem: str, place: int, count: int) -> str:
    """Return the name of a file of a release: an sdist and a wheel, or wheels for many machines."""
    if place == 0 and count > 1:
        return f"{stem}.tar.gz"
    if count <= 2:
        return f"{stem}-py3-none-any.whl"
    machine, python = _PLATFORMS[place % len(_PLATFORMS)], 9 + place // len(_PLATFORMS)
    return f"{stem}-cp3{python}-cp3{python}-{machine}.whl"
