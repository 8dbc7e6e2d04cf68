"""An upstream of one project, as the tests of the history look at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.instants import instant_of
from cachi2ish.mirror.records import HOUR, Changes, DatedPage, Gone, Instant, Look, Refusal, Registry, Unchanged

APPLE = NormalizedName("apple")
PYPI = Registry(name="pypi", url="https://index.example/simple/", settling=6 * HOUR)

#: The first of the days on which things happen.
START = datetime(2024, 1, 1, tzinfo=UTC)


def at(day: float) -> datetime:
    """Days after the start."""
    return START + timedelta(days=day)


def instant(day: float) -> Instant:
    return instant_of(at(day))


def end_of_day(day: int) -> Cutoff:
    return Cutoff(at(day + 1))


def a_file(
    version: str = "1.0",
    day: float | None = 0.5,
    *,
    content: str = "",
    yanked: str | None = None,
    size: int | None = 1000,
    name: str = "",
) -> IndexFile:
    filename = name or f"apple-{version}.tar.gz"
    digest = sha256((filename + content).encode()).hexdigest()
    return IndexFile(
        filename=filename,
        url=f"https://files.example/packages/{digest[:8]}/{filename}",
        hashes=(("sha256", digest),),
        requires_python=">=3.8",
        yanked=yanked is not None,
        yanked_reason=yanked or "",
        size=size,
        upload_time=None if day is None else at(day),
        core_metadata=(("sha256", "0" * 64),),
    )


def a_page(
    files: Iterable[IndexFile], *, status: str = "active", versions: bool = True, serial: int | None = None
) -> Page:
    listed = tuple(files)
    return Page(
        project=APPLE,
        index=PYPI.url,
        files=listed,
        status=status,
        versions=tuple(sorted({one.filename[6:].split("-")[0].removesuffix(".tar.gz") for one in listed}))
        if versions
        else None,
        last_serial=serial,
    )


@dataclass
class Watched:
    """A history, and one project that is looked at."""

    history: SqlHistory
    registry: Registry = PYPI

    def __post_init__(self) -> None:
        self.history.configure(self.registry)

    def sees(
        self,
        day: float,
        *files: IndexFile,
        status: str = "active",
        serial: int | None = None,
        versions: bool = True,
        digest: str | None = None,
    ) -> Changes:
        page = a_page(files, status=status, serial=serial, versions=versions)
        return self.looks(day, page, serial=serial, digest=digest)

    def sees_nothing(self, day: float) -> Changes:
        return self.looks(day, Gone())

    def looks(
        self,
        day: float,
        answer: Page | Gone | Unchanged,
        *,
        serial: int | None = None,
        digest: str | None = None,
    ) -> Changes:
        look = Look(seen_at=instant(day), serial=serial, digest=digest)
        return self.history.observe(self.registry.name, APPLE, answer, look)

    def asks(self, day: int | None, *, observed_only: bool = False) -> DatedPage | Refusal:
        cutoff = None if day is None else end_of_day(day)
        return self.history.page(self.registry.name, APPLE, cutoff, observed_only=observed_only)

    def page(self, day: int | None) -> DatedPage:
        answer = self.asks(day)
        assert isinstance(answer, DatedPage), answer
        return answer

    def names(self, day: int | None) -> list[str]:
        """The files of a page, yanked ones with a star."""
        return [
            one.filename.removeprefix("apple-").removesuffix(".tar.gz") + "*" * one.yanked
            for one in self.page(day).page.files
        ]

    def answer(self, day: int | None) -> list[str] | str:
        """What a table of tests compares: the files, or the reason of the refusal."""
        answer = self.asks(day)
        return answer.reason.value if isinstance(answer, Refusal) else self.names(day)
