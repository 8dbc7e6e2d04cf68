"""The files of a project page that are of the pinned version, before anything is decided about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cachi2ish.core.digests import Digest, comparable, strong
from cachi2ish.core.distributions import SdistName, WheelName, read_name
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.reasons import Facts, Reason, Refusal
from cachi2ish.core.requirements import Pinned


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of the pinned version, with what its name says.

    rivals: files that are listed under the same name with other digests, where nothing tells which one is meant.
    """

    file: IndexFile
    name: SdistName | WheelName
    rivals: tuple[IndexFile, ...] = ()

    @property
    def is_sdist(self) -> bool:
        """Whether it is a source distribution."""
        return isinstance(self.name, SdistName)

    def is_named_by(self, digests: Iterable[Digest]) -> bool:
        """Return whether the index states a strong digest that is among ``digests``."""
        return not strong(digests).isdisjoint(strong(self.file.digests))


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one version. unreadable: those that end like wheels, and whose tags nobody can read."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[Refusal, ...]


def candidates_of(requirement: Pinned, page: Page) -> Found:
    """Return the files of the pinned version, in the order of the page; of one name that which the lock means.

    A pin without a local version label means files with one too (PEP 440), as for pip.
    """
    found: dict[str, list[Candidate]] = {}
    unreadable: dict[str, Refusal] = {}
    for file in page.files_of(requirement.version, arbitrary=requirement.arbitrary):
        name = read_name(file.filename, requirement.project)
        if name is not None:
            found.setdefault(file.filename, []).append(Candidate(file, name))
        else:
            unreadable.setdefault(file.filename, Refusal(file.filename, Reason.UNREADABLE_NAME))
    meant = tuple(_meant(requirement, listed) for listed in found.values())
    return Found(meant, tuple(unreadable.values()))


def _meant(requirement: Pinned, listed: list[Candidate]) -> Candidate:
    """Return one of the files that an index lists under one name, as rebuilt listings do."""
    named = next((one for one in listed if one.is_named_by(requirement.digests)), None)
    if named is not None or len(listed) == 1:
        return named or listed[0]
    first = next((one for one in listed if strong(one.file.digests)), listed[0])
    rivals = tuple(one.file for one in listed if _contradict(one.file, first.file))
    # Where the lock names digests, its own will tell the file that is meant from the others.
    return first if requirement.digests else replace(first, rivals=rivals)


def _contradict(one: IndexFile, other: IndexFile) -> bool:
    return comparable(one.digests, other.digests) and strong(one.digests).isdisjoint(strong(other.digests))


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
