"""The files of a project page that are of the pinned version, and which of them pip would take on each target."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import Version

from cachi2ish.core.choose.reasons import Facts, Reason, Refusal
from cachi2ish.core.digests import Digest, any_strong, comparable, strong
from cachi2ish.core.distributions import SDIST_EXTENSIONS, SdistName, WheelName, read_name, version_order
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.targets.machine import Target


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
        # A lock may name a hundred files of a version, and a file has one digest or two: mostly this one.
        for name, value in self.file.hashes:
            if name == "sha256" and Digest(name, value) in digests:
                return True
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
    project = requirement.project
    for index, file in listed:
        name = read_name(file.filename, project)
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
    first = next((one for one in listed if any_strong(one.file.digests)), listed[0])
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


#: How many different Requires-Python of one version are tried with other patch versions.
_MOST_TEXTS = 20


class TargetFiles(Struct, frozen=True):
    """What one target needs of a requirement: its best file, or all the wheels that it accepts."""

    target: Target
    files: tuple[IndexFile, ...]


class Fitter(Struct, frozen=True, kw_only=True):
    """How files are chosen for targets.

    every_wheel: take all the wheels that a target accepts, and not only the best.
    dated: the page is one of the past, when nobody knows what was yanked then.
    """

    requirement: Pinned
    every_wheel: bool
    dated: bool

    def fit(self, permitted: Iterable[Candidate], target: Target) -> tuple[Candidate, ...]:
        """Return what ``target`` needs, the best first; nothing where nothing fits.

        The order is pip's: what the lock names, what is not yanked, the greater version (they differ in local
        labels only), wheels before sdists, the best tag, the greater build tag.
        """
        there = [one for one in permitted if fits(one, target) and target.admits_python(one.file.requires_python)]
        by_name = sorted(there, key=lambda one: one.file.filename)  # of equals the first
        fitting = sorted(by_name, key=lambda one: self._worth(one, target), reverse=True)
        if not self.every_wheel or not fitting or fitting[0].is_sdist:
            return tuple(fitting[:1])
        yanked_too = self.dated or fitting[0].file.yanked
        return tuple(one for one in fitting if not one.is_sdist and (yanked_too or not one.file.yanked))

    def _worth(self, one: Candidate, target: Target) -> tuple[Rank, bool, int, tuple[()] | tuple[int, str]]:
        rank = rank_of(one, self.requirement, dated=self.dated)
        if isinstance(one.name, SdistName):
            return rank, False, -extension_rank(one.name), ()
        # A build tag is a number and a text; its absence is less than any (PEP 427).
        return rank, True, -(target.rank(one.name.tags) or 0), one.name.build


#: See `rank_of`.
Rank = tuple[bool, bool, tuple[bool, Version]]


def rank_of(one: Candidate, requirement: Pinned, *, dated: bool) -> Rank:
    """Return what pip orders files by on every machine: the greatest is the best.

    What the lock names, what is not yanked, the greater version: those of one pin differ in local labels only.
    dated: the page is one of the past, when nobody knows what was yanked then.
    """
    proved = not requirement.digests or one.is_named_by(requirement.digests)
    return proved, dated or not one.file.yanked, version_order(one.name.version)


def extension_rank(name: SdistName) -> int:
    """Return the order among archives of one version: the least is the best."""
    return SDIST_EXTENSIONS.index(name.extension)


def fits(one: Candidate, target: Target) -> bool:
    """Return whether the tags of a file are accepted on ``target``; an sdist fits everywhere."""
    return isinstance(one.name, SdistName) or target.rank(one.name.tags) is not None


def first_patch(permitted: Iterable[Candidate], target: Target) -> str | None:
    """Return the first exact version of a target's Python for which there would be a file, or None."""
    needed = {one.file.requires_python for one in permitted if fits(one, target)}
    # Texts of a page may be many and long.
    likely = sorted((text or "" for text in needed), key=len)[:_MOST_TEXTS]
    exact = filter(None, map(target.first_patch, likely))
    return min(exact, key=Version, default=None)


def why_left(one: Candidate, fitted: Sequence[tuple[Target, Sequence[Candidate]]]) -> Refusal:
    """Return why a permitted file is taken for none of the targets."""
    accepting = [(target, best) for target, best in fitted if fits(one, target)]
    if not accepting:
        return Refusal(one.file.filename, Reason.NO_TARGET)
    for target, best in accepting:
        if best and target.admits_python(one.file.requires_python):
            return Refusal(one.file.filename, Reason.NOT_PREFERRED, Facts(preferred=best[0].file.filename))
    return _needs_python(one)


def why_not_there(one: Candidate, targets: Iterable[Target]) -> Refusal:
    """Return why a file that another target takes is nothing for ``targets``."""
    if any(fits(one, target) for target in targets):
        return _needs_python(one)
    return Refusal(one.file.filename, Reason.NOT_THIS_TARGET)


def _needs_python(one: Candidate) -> Refusal:
    facts = Facts(requires_python=one.file.requires_python or "")
    return Refusal(one.file.filename, Reason.NEEDS_PYTHON, facts)
