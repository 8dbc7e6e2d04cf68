"""From a requirement and a project page to the files to fetch, and for every other file the reason why not.

Pure: the same page, requirement and policy give the same choice. Each reason is one small check; what passes
all of them is put into an order of preference, for each target where there are targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

from msgspec import Struct
from msgspec.structs import replace

from cachi2ish.core.choose.candidates import (
    Candidate,
    Fitter,
    Rank,
    TargetFiles,
    candidates_of,
    excluded_from,
    extension_rank,
    first_patch,
    rank_of,
    why_left,
    why_not_there,
)
from cachi2ish.core.choose.checks import ALWAYS, BY_FILTER, Policy, passing
from cachi2ish.core.choose.explain import listed_twice, nothing_for, nothing_to_take, quarantined
from cachi2ish.core.choose.reasons import Facts, FileWarning, Reason, Refusal, WarningKind
from cachi2ish.core.distributions import SdistName
from cachi2ish.core.pages import QUARANTINED, IndexFile, Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.structs import compared_without, repr_without
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import UnavailableError


class Choice(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What one requirement becomes. files: at most one sdist, first; then wheels by name.

    index: the address of the index that lists them, redacted; "" where nobody says. indexes: that of each file,
    where they are listed on several.
    by_target: what each target needs, in the order of the policy, where there are targets.
    left: the files that would have been taken too, had all wheels been allowed without `binary` and `targets`.
    page, policy: what it was made from, where a file may yet prove to be none that the lock names; the page has
    the files of the version.
    """

    requirement: Pinned
    index: str
    files: tuple[IndexFile, ...]
    indexes: tuple[str, ...] = ()
    by_target: tuple[TargetFiles, ...] = ()
    left: tuple[IndexFile, ...] = ()
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[FileWarning, ...] = ()
    page: Page | None = None
    policy: Policy = Policy()

    __repr__ = repr_without("page", "policy")
    __eq__, __hash__ = compared_without("page", "policy")

    def without(self, file: IndexFile) -> Choice:
        """Return the choice without ``file``, which the lock does not name.

        Raises `UnavailableError` where nothing else serves, or where a target would have nothing.
        """
        if self.page is None:
            raise UnavailableError(f"{self.requirement} has no other file", origin=self.requirement.origin)
        left = self.page.each(lambda part: replace(part, files=tuple(one for one in part.files if one != file)))
        return choose(self.requirement, left, self.policy)

    @property
    def listed(self) -> Iterator[tuple[IndexFile, str]]:
        """Each file with the address of the index that lists it."""
        return zip(self.files, self.indexes or repeat(self.index), strict=False)


class ChosenFile(Struct, frozen=True, gc=False):
    """A file by its name. size: in bytes, None where the index states none."""

    filename: str
    size: int | None


class ChosenFiles(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What is left of a `Choice` once its files are on their way: no address, no digest, and no page.

    These weigh several times as much, and there are thousands of choices.
    files, left, refused, warnings: as there. by_target: each target with what it needs.
    """

    requirement: Pinned
    files: tuple[ChosenFile, ...]
    by_target: tuple[tuple[Target, tuple[ChosenFile, ...]], ...]
    left: tuple[ChosenFile, ...]
    refused: tuple[Refusal, ...]
    warnings: tuple[FileWarning, ...]

    @classmethod
    def of(cls, choice: Choice) -> ChosenFiles:
        """Return what is left of ``choice``."""
        known: dict[str, ChosenFile] = {}  # several targets may need one file

        def chosen(files: Iterable[IndexFile]) -> tuple[ChosenFile, ...]:
            return tuple([known.setdefault(one.filename, ChosenFile(one.filename, one.size)) for one in files])

        return cls(
            requirement=choice.requirement,
            files=chosen(choice.files),
            by_target=tuple([(one.target, chosen(one.files)) for one in choice.by_target]),
            left=chosen(choice.left),
            refused=choice.refused,
            warnings=choice.warnings,
        )


def choose(requirement: Pinned, page: Page, policy: Policy) -> Choice:
    """Choose the files for ``requirement``; raises `UnavailableError` where none may be taken."""
    if page.status == QUARANTINED:
        raise quarantined(requirement, page)
    found = candidates_of(requirement, page)
    refused = [*excluded_from(requirement, page), *found.unreadable]
    allowed = passing(found.candidates, ALWAYS, requirement, policy, refused)
    permitted = allowed if policy.binary is None else passing(allowed, BY_FILTER, requirement, policy, refused)
    # When a file was yanked is not known: a choice as of a date must not depend on it.
    dated = page.cutoff is not None
    without_filter = _everything(requirement, allowed, dated=dated)
    if policy.targets and permitted:
        taken, by_target = _for_targets(requirement, page, policy, permitted, refused)
    else:
        # Where the two are one object, no filter ran, and the answer is there already.
        everything = without_filter if permitted is allowed else _everything(requirement, permitted, dated=dated)
        taken, by_target = everything.taken, ()
        refused.extend(everything.refused)
    if not taken:
        raise nothing_to_take(requirement, page, found.candidates, refused)
    ambiguous = next((one for one in taken if one.rivals), None)
    if ambiguous is not None:
        raise listed_twice(requirement, page, ambiguous)
    chosen = {one.file.filename for one in taken}  # of one name there is one; to hash all of a file takes longer
    indexes = tuple(candidate.index for candidate in taken)
    open_yet = requirement.digests and not all(one.is_named_by(requirement.digests) for one in taken)
    return Choice(
        requirement=requirement,
        index=" and ".join(dict.fromkeys(indexes)),
        files=tuple(candidate.file for candidate in taken),
        indexes=indexes if len(set(indexes)) > 1 else (),
        by_target=by_target,
        left=tuple(one.file for one in without_filter.taken if one.file.filename not in chosen),
        refused=tuple(sorted(refused, key=lambda refusal: refusal.filename)),
        warnings=tuple(_yanked(taken)),
        page=_of_version(requirement, page) if open_yet else None,
        policy=policy,
    )


def _of_version(requirement: Pinned, page: Page) -> Page:
    version, arbitrary = requirement.version, requirement.arbitrary
    return page.each(lambda part: replace(part, files=part.files_of(version, arbitrary=arbitrary)))


class _Everything(Struct, frozen=True):
    """The best sdist, and the wheels that pip takes on some machine; refused: those that it takes on none."""

    taken: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]


def _everything(requirement: Pinned, permitted: Sequence[Candidate], *, dated: bool) -> _Everything:
    if len(permitted) <= 1:  # there is nothing to prefer
        return _Everything(tuple(permitted), ())
    groups: dict[object, list[Candidate]] = {}
    for one in sorted(permitted, key=lambda one: one.file.filename):
        groups.setdefault(_alike(one, requirement), []).append(one)
    taken: list[Candidate] = []
    refused: list[Refusal] = []
    for first, *others in groups.values():
        if not others:  # as most are: a hundred wheels of a version need no order
            taken.append(first)
            continue
        group = (first, *others)
        # Of equals the first by name.
        best = max(group, key=lambda one: _among_alike(one, requirement, dated=dated))
        taken.append(best)
        facts = Facts(preferred=best.file.filename)
        refused += [Refusal(one.file.filename, Reason.NOT_PREFERRED, facts) for one in group if one is not best]
    return _Everything(_in_order(taken), tuple(refused))


def _alike(one: Candidate, requirement: Pinned) -> object:
    """Return what files have in common of which pip takes the best on every machine.

    Wheels of the same tags that the lock may name are left to pip, though: no label has it drop one of them.
    """
    if isinstance(one.name, SdistName):
        return "sdist"
    if requirement.digests:
        return one.file.filename
    return one.name.tags, one.name.build, one.file.requires_python


def _among_alike(one: Candidate, requirement: Pinned, *, dated: bool) -> tuple[Rank, int]:
    extension = extension_rank(one.name) if isinstance(one.name, SdistName) else 0
    return rank_of(one, requirement, dated=dated), -extension


def _for_targets(
    requirement: Pinned, page: Page, policy: Policy, permitted: Sequence[Candidate], refused: list[Refusal]
) -> tuple[tuple[Candidate, ...], tuple[TargetFiles, ...]]:
    """Return what all targets together need, and what each one does; raises where one of them has nothing."""
    fitter = Fitter(requirement=requirement, every_wheel=policy.every_wheel, dated=page.cutoff is not None)
    concerned = tuple(target for target in policy.targets if target.wants(requirement.marker))
    fitted = tuple((target, fitter.fit(permitted, target)) for target in concerned)
    needed = {one.file.filename: one for _, files in fitted for one in files}
    refused.extend(why_left(one, fitted) for one in permitted if one.file.filename not in needed)
    missing = tuple(target for target, files in fitted if not files)
    if missing:
        elsewhere = (why_not_there(one, missing) for one in needed.values())
        exact = tuple(filter(None, (first_patch(permitted, target) for target in missing)))
        raise nothing_for(requirement, page, missing, (*refused, *elsewhere), exact)
    served = (TargetFiles(target, tuple(one.file for one in files)) for target, files in fitted)
    return _in_order(needed.values()), tuple(served)


def _in_order(taken: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(taken, key=lambda one: (not one.is_sdist, one.file.filename)))


def _yanked(taken: Iterable[Candidate]) -> Iterable[FileWarning]:
    for file in (one.file for one in taken):
        if file.yanked:
            yield FileWarning(kind=WarningKind.YANKED, filename=file.filename, yanked_reason=file.yanked_reason)
