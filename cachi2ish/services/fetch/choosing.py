"""Stage "choose": every pinned requirement and the page of its project become a choice of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain, repeat
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.core.as_of import Dating, as_of, project_not_there_then
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice, choose
from cachi2ish.core.choose.reasons import FileWarning, WarningKind
from cachi2ish.core.pages import Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, NetworkError, NotCachedError, raise_all
from cachi2ish.index.interface import Index, PageQuery
from cachi2ish.services.fetch.failures import each_cause_once
from cachi2ish.services.fetch.ports import IndexAddresses
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.fetch.scheduler import LargestFirst


class Wanted(Struct, frozen=True):
    """A requirement to choose for.

    indexes: addresses. Where the requirement names digests, these tell which file is meant, on whichever index it
    is; else the first that has the project answers for it alone. dating: as of when.
    """

    requirement: Pinned
    policy: Policy
    indexes: tuple[Address, ...]
    dating: Dating


#: What is kept of a choice.
_Kept = TypeVar("_Kept")

#: Called with each choice as soon as it is made, so that its files can be on their way. It returns what is kept.
OnChoice = Callable[[Choice], _Kept]


def wanted(reading: Reading, indexes: IndexAddresses) -> tuple[Wanted, ...]:
    """Return the pinned requirements of all packages, each with its policy and indexes, in reading order.

    Those whose marker holds on none of the machines that are prefetched for are not among them.
    """
    addresses = cache(indexes.of)
    known: dict[Dating, Dating] = {}

    def dating_of(package: SourcePackage, project: NormalizedName) -> Dating:
        dating = package.dates.of(project)
        return known.setdefault(dating, dating)  # equal ones are one object: there are thousands

    return tuple(
        Wanted(
            requirement,
            package.policy,
            addresses(requirement.indexes),
            dating_of(package, requirement.project),
        )
        for package in reading.packages
        for lock in package.locks
        for requirement in lock.requirements
        if isinstance(requirement, Pinned) and package.policy.wants(requirement.marker)
    )


def choose_all(
    requirements: Sequence[Wanted],
    index_of: Callable[[tuple[Address, ...], Dating], Index],
    workers: int,
    on_choice: OnChoice[_Kept],
) -> tuple[_Kept, ...]:
    """Choose for each of ``requirements``; return what ``on_choice`` does, in their order.

    Pages are read in ``workers`` threads, that of a project once for all dates.
    ``on_choice`` is called from these threads. Raises all failures at once.
    """
    made: dict[int, _Kept] = {}
    failed: dict[int, Cachi2ishError] = {}
    collect = partial(_collect, made=made, failed=failed)
    locked = [(position, one) for position, one in enumerate(requirements) if one.requirement.files]
    collect(_outcomes(locked, _choose_locked, on_choice))
    groups = _by_page(requirements)
    versions = _versions(requirements)
    # Made here and not in the threads: two objects for one index would each request its pages.
    needed = dict.fromkeys((one.indexes, one.dating) for one in requirements if not one.requirement.files)
    indexes = {(addresses, dating): index_of(addresses, dating) for addresses, dating in needed}
    waiting = [*reversed(groups.items())]
    groups.clear()  # so that the members of a page end with it, and not with the last page
    choose_groups = partial(_choose_groups, waiting, indexes, versions, on_choice, collect)
    pool = LargestFirst(workers, "page")
    try:
        # Not a task for each page: thousands of them weigh a megabyte.
        ended = [*map(pool.submit, repeat(None, min(workers, len(waiting))), repeat(choose_groups))]
        pool.shutdown()
    finally:
        # Without waiting: after an interruption nobody needs the page that a silent server owes us.
        waiting.clear()
        pool.abandon()
    for outcome in ended:
        outcome.result()
    raise_all(each_cause_once(_located(failed, requirements)))
    return tuple(made[position] for position in sorted(made))


def _located(failed: Mapping[int, Cachi2ishError], requirements: Sequence[Wanted]) -> Iterator[Cachi2ishError]:
    """Yield each failure once, with its place: of the requirements that meet that of one page, the first one's."""
    seen: set[Cachi2ishError] = set()
    for position in sorted(failed):
        error = failed[position]
        if error not in seen:
            seen.add(error)
            placed = error.origin is not None or not error.of_requirement
            yield error if placed else error.at(requirements[position].requirement.origin)


_Member = tuple[int, Wanted]

#: Who shares a page: the addresses of the indexes, the project, and whether digests are named.
_Group = tuple[tuple[tuple[Address, ...], NormalizedName, bool], list[_Member]]


def _collect(
    outcomes: Iterable[tuple[int, _Kept | Cachi2ishError]],
    made: dict[int, _Kept],
    failed: dict[int, Cachi2ishError],
) -> None:
    """Put each outcome at the position of its requirement.

    Threads share ``made`` and ``failed`` without a lock: each sets positions of its own, to set one item of a dict
    is atomic, and nobody reads before all threads have ended.
    """
    for position, outcome in outcomes:
        if isinstance(outcome, Cachi2ishError):
            failed[position] = outcome
        else:
            made[position] = outcome


def _by_page(
    requirements: Sequence[Wanted],
) -> dict[tuple[tuple[Address, ...], NormalizedName, bool], list[_Member]]:
    """Return who shares a page: also whether they name digests, since these let more indexes answer."""
    groups: dict[tuple[tuple[Address, ...], NormalizedName, bool], list[_Member]] = defaultdict(list)
    for position, member in enumerate(requirements):
        one = member.requirement
        if not one.files:
            groups[member.indexes, one.project, bool(one.digests)].append((position, member))
    return groups


def _versions(requirements: Sequence[Wanted]) -> dict[NormalizedName, tuple[str, ...]]:
    """Return the versions that are pinned of each project, wherever: one reading of its page serves them all."""
    found: dict[NormalizedName, tuple[str, ...]] = {}  # a set for each of thousands weighs four times as much
    for one in requirements:
        known = found.get(one.requirement.project, ())
        if one.requirement.version not in known:
            found[one.requirement.project] = (*known, one.requirement.version)
    return found


def _choose_groups(
    waiting: list[_Group],
    indexes: Mapping[tuple[tuple[Address, ...], Dating], Index],
    versions: Mapping[NormalizedName, tuple[str, ...]],
    on_choice: OnChoice[_Kept],
    collect: Callable[[Iterable[tuple[int, _Kept | Cachi2ishError]]], None],
) -> None:
    """Choose for the groups that wait, one after another; other threads take of the same list."""
    while waiting:
        try:
            (addresses, project, _), members = waiting.pop()
        except IndexError:  # another thread has it
            return
        digests = frozenset(chain.from_iterable(member.requirement.digests for _, member in members))
        # The same for each date, so that one answer serves all.
        query = PageQuery(digests, frozenset(versions[project]), bool(digests))
        for dating in dict.fromkeys(member.dating for _, member in members):
            index = indexes[addresses, dating]
            dated = [pair for pair in members if pair[1].dating == dating]
            try:
                page = index.page(project, query)
            except NotCachedError as error:
                collect(_one_by_one(index, error, dated, query, on_choice))
            except Cachi2ishError as error:
                collect([(dated[0][0], error)])
            else:
                collect(_outcomes(dated, partial(_choose, page=page, index=index), on_choice))
                del page  # large ones are not to last until the next has come


def _one_by_one(
    index: Index, error: NotCachedError, members: Sequence[_Member], query: PageQuery, on_choice: OnChoice[_Kept]
) -> Iterator[tuple[int, _Kept | Cachi2ishError]]:
    """Choose for each version alone, since the cache lacks some of them; where there is one, ``error`` says it."""
    if len({member.requirement.version for _, member in members}) == 1:
        yield members[0][0], error
        return

    def choose_alone(member: Wanted) -> Choice:
        one = member.requirement
        page = index.page(one.project, replace(query, digests=one.digests, versions=frozenset({one.version})))
        return _choose(member, page, index)

    yield from _outcomes(members, choose_alone, on_choice)


def _choose(member: Wanted, page: Page, index: Index) -> Choice:
    try:
        choice = choose(member.requirement, page, member.policy)
    except Cachi2ishError:
        if not page.from_cache:
            nothing = project_not_there_then(page)
            if nothing is not None:
                raise nothing from None
            raise
        # The whole page shows what there is instead, and that of now may have what one from the cache lacks.
        choice = choose(member.requirement, _whole(page, index, member), member.policy)
    return _with_undated(choice, member)


def _choose_locked(member: Wanted) -> Choice:
    """Choose among the files that the lock file names: they are a page, and pass all that a page's files pass."""
    requirement, dating = member.requirement, member.dating
    page = Page(
        project=requirement.project,
        index=str(next(iter(requirement.indexes.addresses), "")),
        files=requirement.files,
        lock=requirement.origin.file,
    )
    if dating.cutoff is not None:
        page = as_of(page, dating.cutoff, dating.missing.of(page.index))
    return _with_undated(choose(requirement, page, member.policy), member)


def _with_undated(choice: Choice, member: Wanted) -> Choice:
    if member.dating.cutoff is None:
        return choice
    undated = (
        FileWarning(
            kind=WarningKind.UNREADABLE_UPLOAD_TIME if file.unreadable_time else WarningKind.NO_UPLOAD_TIME,
            filename=file.filename,
            cutoff=member.dating.cutoff.instant,
            declared=file.unreadable_time,
        )
        for file in choice.files
        if file.upload_time is None
    )
    return replace(choice, warnings=(*choice.warnings, *undated))


def _whole(page: Page, index: Index, member: Wanted) -> Page:
    try:
        return index.page(page.project, PageQuery(by_digest=bool(member.requirement.digests)))
    except (NetworkError, NotCachedError):
        return page


def _outcomes(
    members: Sequence[_Member], make: Callable[[Wanted], Choice], on_choice: OnChoice[_Kept]
) -> Iterator[tuple[int, _Kept | Cachi2ishError]]:
    for position, member in members:
        try:
            choice = make(member)
        except Cachi2ishError as error:
            yield position, error
        else:
            yield position, on_choice(choice)
