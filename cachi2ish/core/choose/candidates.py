"""The files of a project page that are of the pinned version, before anything is decided about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cachi2ish.core.digests import Digest, strong
from cachi2ish.core.distributions import (
    SDIST_EXTENSIONS,
    SdistName,
    WheelName,
    has_local_label,
    read_name,
)
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.reasons import Facts, Reason, Refusal
from cachi2ish.core.requirements import Pinned


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of the pinned version, with what its name says."""

    file: IndexFile
    name: SdistName | WheelName

    @property
    def is_sdist(self) -> bool:
        """Whether it is a source distribution."""
        return isinstance(self.name, SdistName)

    @property
    def preference(self) -> tuple[bool, int, str]:
        """The order among sdists: the least is the best."""
        rank = SDIST_EXTENSIONS.index(self.name.extension) if isinstance(self.name, SdistName) else 0
        return self.file.yanked, rank, self.file.filename

    def is_named_by(self, digests: Iterable[Digest]) -> bool:
        """Return whether the index states a strong digest that is among ``digests``."""
        return not strong(digests).isdisjoint(strong(self.file.digests))


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one version. unreadable: those that end like wheels, and whose tags nobody can read."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[Refusal, ...]


def candidates_of(requirement: Pinned, page: Page) -> Found:
    """Return the files of the pinned version, in the order of the page; of one name the first."""
    found: dict[str, Candidate] = {}
    unreadable: dict[str, Refusal] = {}
    for file in page.files_of(requirement.version, arbitrary=requirement.arbitrary):
        name = read_name(file.filename, requirement.project)
        if name is not None:
            found.setdefault(file.filename, Candidate(file, name))
        else:
            unreadable.setdefault(file.filename, Refusal(file.filename, Reason.UNREADABLE_NAME))
    return Found(_exact_local(tuple(found.values()), requirement), tuple(unreadable.values()))


def _exact_local(candidates: tuple[Candidate, ...], requirement: Pinned) -> tuple[Candidate, ...]:
    # "==1.0" matches "1.0+cpu" too (PEP 440), and pip then takes the highest. A prefetch that took all of
    # them would mix builds: where the plain version exists, only it is meant.
    plain = tuple(c for c in candidates if not has_local_label(c.name.version))
    return plain if plain and "+" not in requirement.version else candidates


def excluded_from(requirement: Pinned, page: Page) -> tuple[Refusal, ...]:
    """Return the files of the version that the index has, and that do not count (see `Page.excluded`)."""
    reasons = {one.file.filename: one.reason for one in page.excluded}
    if not reasons:
        return ()
    there = candidates_of(requirement, replace(page, files=tuple(one.file for one in page.excluded)))
    return tuple(
        Refusal(one.filename, reasons[one.filename], Facts(upload_time=one.upload_time))
        for one in (candidate.file for candidate in there.candidates)
    )
