"""A made-up registry with the shape of PyPI, as large as one likes: its pages, and what happens on a day.

Nothing is random twice: the same shape gives the same pages. No project is kept in memory but those that have
changed, and of these only what has.

The number of files of a project falls with its rank, ``largest / (1 + rank / k)``, where ``k`` follows from the
number of all files. In a registry of a tenth the ranks are ten times as far apart: its pages are those of each
tenth project of the whole.
"""

from __future__ import annotations

import math
import random
import re
from array import array
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import accumulate
from zlib import crc32

from packaging.utils import NormalizedName

from cachi2ish.core.pages import QUARANTINED, IndexFile, Page
from cachi2ish.mirror.instants import instant_of
from cachi2ish.mirror.records import DAY, HOUR, Gone, Look, Unchanged

INDEX = "https://index.example/simple/"
_FILES = "https://files.example/packages/"
_FIRST = datetime(2005, 3, 1, tzinfo=UTC)

_SYLLABLES = re.findall("...", "anabelcordatethflograhubionjetkitlibmatnetoptpyrquerusscitorunivecwebxenzip")
_PLATFORMS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "macosx_11_0_arm64",
    "macosx_10_13_x86_64",
    "musllinux_1_2_x86_64",
    "win_amd64",
)
_REASONS = ("", "broken build", "superseded by the next release", "security: see the advisory", "wrong metadata")


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
class _Changed:
    """What has changed of a project since the first day. added: times and numbers of files of releases."""

    serial: int
    generation: int = 0
    exists: bool = True
    quarantined: bool = False
    added: list[tuple[datetime, int]] = field(default_factory=list)
    yanked: set[int] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a look at a project shows."""

    project: NormalizedName
    answer: Page | Gone | Unchanged
    look: Look


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


class Registry:
    """A made-up registry. `sighting` is the first look at a project, `day` what a day has changed, day by day."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._counts = counts(shape)
        # So that the large ones are not the first: a step that has no divisor in common with the number of all.
        steps = range(round(shape.projects * 0.618) | 1, 2 * shape.projects + 3)
        self._step = next(step for step in steps if math.gcd(step, shape.projects) == 1)
        self._files = array("q", accumulate(self._counts))
        in_order = (self.count(number) for number in range(shape.projects))
        self._releases = array("d", accumulate(count / files_of_release(count) for count in in_order))
        self._changed: dict[int, _Changed] = {}
        self._gone: list[int] = []
        self._projects = shape.projects
        self._serial = 3 * shape.files
        self._days = 0

    def count(self, number: int) -> int:
        """Return how many files a project has on the first day; 0 for one that comes later."""
        return self._counts[number * self._step % self.shape.projects] if number < self.shape.projects else 0

    def name(self, number: int) -> NormalizedName:
        """Return the name of a project: sixteen characters in the mean, as unlike one another as real ones."""
        mixed = crc32(f"{self.shape.seed} {number}".encode())
        words = [_SYLLABLES[mixed // 25**place % 25] for place in range(2 + mixed % 3)]
        first, rest = words[0], "".join(words[1:])
        return NormalizedName(f"{first}{rest}-{number:x}" if mixed & 8 else f"{first}-{rest}{number:x}")

    def sighting(self, number: int) -> Sighting:
        """Return what the first look at a project shows."""
        return self._sighting(number, instant_of(self.shape.until) + number)

    def page(self, number: int) -> Page:
        """Return the page of a project as it is now."""
        changed = self._changed.get(number)
        files: list[IndexFile] = []
        versions: list[str] = []
        if changed is None or changed.generation == 0:
            for release, moment, count in self._first_releases(number):
                self._add(number, f"1.{release}.0", moment, count, files, versions, changed, release)
        if changed is not None:
            for release, (moment, count) in enumerate(changed.added, 1):
                self._add(
                    number,
                    f"{2 + changed.generation}.{release}",
                    moment,
                    count,
                    files,
                    versions,
                    changed,
                    -release,
                )
        return Page(
            project=self.name(number),
            index=INDEX,
            files=tuple(files),
            versions=tuple(versions),
            status=QUARANTINED if changed is not None and changed.quarantined else "active",
            last_serial=self._serial_of(number),
        )

    def day(self) -> tuple[Tally, Iterator[Sighting]]:
        """Let one more day go by; return what has happened, and the looks at its end at all that have changed."""
        tally, touched = Tally(), dict[int, None]()
        chance = random.Random(self.shape.seed * 1_000_003 + self._days)
        begin = self.shape.until + timedelta(days=self._days)
        self._days += 1
        for number in self._happens(chance, begin, tally):
            touched[number] = None
            self._serial += 1
            self._changed[number].serial = self._serial
        seen_at = instant_of(begin) + DAY + HOUR
        return tally, (self._sighting(number, seen_at + place) for place, number in enumerate(touched))

    def in_vain(self, most: int) -> Iterator[Sighting]:
        """Yield looks at the end of the last day at projects of which the upstream says that all is as before.

        most: about how many.
        """
        look = Look(seen_at=instant_of(self.shape.until + timedelta(days=self._days)) + 2 * HOUR)
        for number in range(0, self.shape.projects, max(1, self.shape.projects // most)):
            yield Sighting(self.name(number), Unchanged(), look)

    def first_upload(self, number: int) -> datetime:
        """Return when the first file of a project came, of those that were there on the first day."""
        return next(self._first_releases(number))[1]

    def any_file(self, chance: random.Random) -> int:
        """Return the project of a file, any of which is as likely."""
        [rank] = chance.choices(range(self.shape.projects), cum_weights=self._files)
        return rank * pow(self._step, -1, self.shape.projects) % self.shape.projects

    def _happens(self, chance: random.Random, begin: datetime, tally: Tally) -> Iterator[int]:
        shape = self.shape
        left = shape.files_a_day
        # A release has two files and a half in the mean: what else there is, is the rest.
        others = max(0, shape.events_a_day - round(shape.files_a_day * 1.45))
        for _ in range(round(others * shape.registered_again)):
            if self._gone:
                number = self._gone.pop(0)
                changed = self._changed[number]
                changed.exists, changed.generation = True, changed.generation + 1
                changed.added, changed.yanked, changed.deleted = [], set(), set()
                tally.registered_again += 1
                left -= self._release(number, 1, chance, begin, tally)
                yield number
        for _ in range(min(round(others * shape.new_projects), left // 2)):
            number, self._projects = self._projects, self._projects + 1
            self._changed[number] = _Changed(serial=0)
            tally.new_projects += 1
            left -= self._release(number, 2, chance, begin, tally)
            yield number
        while left > 0:
            number = self._any(chance)
            changed = self._change(number)
            if changed.exists:
                left -= self._release(
                    number, min(left, files_of_release(self.count(number))), chance, begin, tally
                )
                yield number
        yield from self._losses(chance, others, tally)
        while tally.events < shape.events_a_day:
            number = self._any(chance)
            if self._change(number).exists:
                tally.others += 1
                yield number

    def _losses(self, chance: random.Random, others: int, tally: Tally) -> Iterator[int]:
        shape = self.shape

        def room() -> bool:
            return tally.events < shape.events_a_day

        while tally.yanks < round(others * shape.yanks) and room():
            number = self._any(chance)
            if (changed := self._change(number)).exists and changed.generation == 0:
                changed.yanked.add(chance.randrange(self._first_count(number)))
                tally.yanks += 1
                yield number
        while tally.files_deleted < round(others * shape.files_deleted) and room():
            number = self._any(chance)
            changed = self._change(number)
            if changed.exists and (files := self.page(number).files):
                changed.deleted.add(files[chance.randrange(len(files))].filename)
                tally.files_deleted += 1
                yield number
        for kind in ("projects_deleted", "quarantined"):
            while getattr(tally, kind) < round(others * getattr(shape, kind)) and room():
                # Whom this happens to is small in most cases.
                number = chance.randrange(shape.projects)
                changed = self._change(number)
                if changed.exists and not changed.quarantined and self.count(number) < 100:
                    if kind == "quarantined":
                        changed.quarantined = True
                    else:
                        changed.exists = False
                        self._gone.append(number)
                    setattr(tally, kind, getattr(tally, kind) + 1)
                    yield number

    def _release(self, number: int, count: int, chance: random.Random, begin: datetime, tally: Tally) -> int:
        moment = begin + timedelta(seconds=chance.randrange(86_000), microseconds=chance.randrange(1_000_000))
        self._changed[number].added.append((moment, count))
        tally.files += count
        tally.releases += 1
        return count

    def _any(self, chance: random.Random) -> int:
        """Return a project: one that has had many releases has the next one, too."""
        [number] = chance.choices(range(self.shape.projects), cum_weights=self._releases)
        return number

    def _change(self, number: int) -> _Changed:
        return self._changed.setdefault(number, _Changed(serial=self._serial_of(number)))

    def _serial_of(self, number: int) -> int:
        changed = self._changed.get(number)
        return 3 * number + 1 if changed is None else changed.serial

    def _sighting(self, number: int, seen_at: int) -> Sighting:
        changed = self._changed.get(number)
        name = self.name(number)
        if changed is not None and not changed.exists:
            return Sighting(name, Gone(), Look(seen_at=seen_at))
        page = self.page(number)
        digest = sha256(f"{name} {page.last_serial}".encode()).hexdigest()
        look = Look(seen_at=seen_at, serial=page.last_serial, etag=f'"{digest[:22]}"', digest=digest)
        return Sighting(name, page, look)

    def _first_count(self, number: int) -> int:
        """Return how many releases there were on the first day."""
        count = self.count(number)
        return -(-count // files_of_release(count))

    def _first_releases(self, number: int) -> Iterator[tuple[int, datetime, int]]:
        """Yield the releases of before the first day: their numbers, moments and numbers of files."""
        count = self.count(number)
        if not count:
            return
        each, releases = files_of_release(count), self._first_count(number)
        chance = random.Random(self.shape.seed * 1_000_003 + number)
        whole = (self.shape.until - _FIRST).total_seconds() - 86_400
        # There are more young ones than old ones, and large ones are not of yesterday.
        age = min(whole, chance.expovariate(1 / 1400) * 86_400 + 3600 + 40_000.0 * releases)
        active = age * chance.random() if releases > 1 else 0.0
        begin = self.shape.until - timedelta(seconds=age)
        for release in range(releases):
            moment = begin + timedelta(seconds=active * release / releases, microseconds=number % 1_000_000)
            yield release, moment, min(each, count - release * each)

    def _add(
        self,
        number: int,
        version: str,
        moment: datetime,
        count: int,
        files: list[IndexFile],
        versions: list[str],
        changed: _Changed | None,
        release: int,
    ) -> None:
        name = self.name(number)
        before = len(files)
        mixed = crc32(f"{name} {version}".encode())
        yanked = (mixed % 10_000) < self.shape.yanked * 10_000 or (
            changed is not None and release in changed.yanked
        )
        reason = _REASONS[mixed // 10_000 % len(_REASONS)] if yanked else ""
        stem = f"{name.replace('-', '_')}-{version}"
        for place in range(count):
            filename = _filename(stem, place, count)
            if changed is not None and filename in changed.deleted:
                continue
            files.append(self._file(name, version, filename, moment, place, reason if yanked else None))
        if len(files) > before:
            versions.append(version)

    def _file(
        self, name: str, version: str, filename: str, moment: datetime, place: int, yanked: str | None
    ) -> IndexFile:
        made = sha256(f"{self.shape.seed} {filename}".encode())
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
            if raw[7] < self.shape.provenance * 256
            else None,
        )


def _filename(stem: str, place: int, count: int) -> str:
    """Return the name of a file of a release: an sdist and a wheel, or wheels for many machines."""
    if place == 0 and count > 1:
        return f"{stem}.tar.gz"
    if count <= 2:
        return f"{stem}-py3-none-any.whl"
    machine, python = _PLATFORMS[place % len(_PLATFORMS)], 9 + place // len(_PLATFORMS)
    return f"{stem}-cp3{python}-cp3{python}-{machine}.whl"
