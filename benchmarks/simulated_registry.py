"""A made-up registry with the shape of PyPI, as large as one likes: its pages, and what happens on a day.

Nothing is random twice: the same shape gives the same pages. No project is kept in memory but those that have
changed, and of these only what has.
"""

from __future__ import annotations

import math
import random
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import accumulate
from zlib import crc32

from packaging.utils import NormalizedName

from benchmarks.registry_shape import Shape, Tally, counts, file_of, filename_of, files_of_release
from cachi2ish.core.pages import QUARANTINED, IndexFile, Page
from cachi2ish.mirror.instants import instant_of
from cachi2ish.mirror.records import DAY, HOUR, Gone, Look, Unchanged

INDEX = "https://index.example/simple/"
_FIRST = datetime(2005, 3, 1, tzinfo=UTC)

_SYLLABLES = re.findall("...", "anabelcordatethflograhubionjetkitlibmatnetoptpyrquerusscitorunivecwebxenzip")
_REASONS = ("", "broken build", "superseded by the next release", "security: see the advisory", "wrong metadata")


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
            filename = filename_of(stem, place, count)
            if changed is not None and filename in changed.deleted:
                continue
            files.append(file_of(self.shape, name, version, filename, moment, place, reason if yanked else None))
        if len(files) > before:
            versions.append(version)
