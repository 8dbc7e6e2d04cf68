"""The files of a project page that are of the pinned version, before anything is decided about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import chain

from msgspec import Struct

from cachi2ish.core.choose.reasons import Facts, Reason, Refusal
from cachi2ish.core.digests import Digest, comparable, strong
from cachi2ish.core.distributions import SdistName, WheelName, read_name
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Pinned


class Candidate(Struct, frozen=True):
    """A file of the pinned version, with what its name says.

    index: the address of the index that lists it, redacted.
    rivals: files that are listed under the same name with other digests, where nothing tells which one is meant.
    """

    file: IndexFile
    name: SdistName | WheelName
    index: str
    rivals: tuple[IndexFile, ...] = ()

    @property
    def is_sdist(self) -> bool:
        """Whether it is a source distribution."""
        return isinstance(self.name, SdistName)

    def is_named_by(self, digests: Collection[Digest]) -> bool:
        """Return whether the index states a strong digest that is among ``digests``."""
        # A lock may name a hundred files of a version, and a file has one digest or two.
        return any(one.strong and one in digests for one in self.file.digests)


class Found(Struct, frozen=True):
    """The files of one version. unreadable: those that end like wheels, and whose tags nobody can read."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[Refusal, ...]


def candidates_of(requirement: Pinned, page: Page) -> Found:
    """Return the files of the pinned version, in the order of the page; of one name that which the lock means.

    A pin without a local version label means files with one too (PEP 440), as for pip.
    """
    found: dict[str, list[Candidate]] = {}
    unreadable: dict[str, Refusal] = {}
    listed = (
        (part.index, file)
        for part in page.parts or (page,)
        for file in part.files_of(requirement.version, arbitrary=requirement.arbitrary)
    )
    for index, file in listed:
        name = read_name(file.filename, requirement.project)
        if name is not None:
            found.setdefault(file.filename, []).append(Candidate(file, name, index))
        else:
            unreadable.setdefault(file.filename, Refusal(file.filename, Reason.UNREADABLE_NAME))
    meant = tuple(_meant(requirement, listed) for listed in found.values())
    return Found(meant, tuple(unreadable.values()))


def _meant(requirement: Pinned, listed: list[Candidate]) -> Candidate:
    """Return one of the files that are listed under one name: on rebuilt listings, and on several indexes."""
    if len(listed) == 1:
        return listed[0]
    if requirement.digests:
        named = (one for one in listed if one.is_named_by(requirement.digests))
        possible = (one for one in listed if not _contradict(one.file.digests, requirement.digests))
        return next(chain(named, possible), listed[0])
    first = next((one for one in listed if strong(one.file.digests)), listed[0])
    rivals = (one.file for one in listed if _contradict(one.file.digests, first.file.digests))
    return Candidate(first.file, first.name, first.index, tuple(rivals))


def _contradict(one: Iterable[Digest], other: Iterable[Digest]) -> bool:
    return comparable(one, other) and strong(one).isdisjoint(strong(other))


def excluded_from(requirement: Pinned, page: Page) -> tuple[Refusal, ...]:
    """Return the files of the version that the index has, and that do not count (see `Page.excluded`)."""
    reasons = {one.file.filename: one.reason for one in page.excluded}
    if not reasons:
        return ()
    there = candidates_of(requirement, replace(page, files=tuple(one.file for one in page.excluded), parts=()))
    return tuple(
        Refusal(
            one.filename, reasons[one.filename], Facts(upload_time=one.upload_time, declared=one.unreadable_time)
        )
        for one in (candidate.file for candidate in there.candidates)
    )
