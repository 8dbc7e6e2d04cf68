"""Stage "choose": every pinned requirement and the page of its project become a choice of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from packaging.utils import NormalizedName

from cachi2ish.core.choose import Choice, Policy, choose
from cachi2ish.core.digests import Digest
from cachi2ish.core.requirements import IndexOptions, Pinned
from cachi2ish.errors import Cachi2ishError, raise_all
from cachi2ish.index.interface import Index
from cachi2ish.services.ports import Ports
from cachi2ish.services.reading import SourceTree


@dataclass(frozen=True, slots=True)
class Wanted:
    """A requirement to choose for. indexes: addresses, the first that has the project wins."""

    requirement: Pinned
    policy: Policy
    indexes: tuple[str, ...]


#: Told about each choice as soon as it is made, so that its files can be on their way.
OnChoice = Callable[[Choice], None]


def wanted(tree: SourceTree, ports: Ports) -> tuple[Wanted, ...]:
    """Return the pinned requirements of all packages, each with its policy and indexes, in reading order."""
    return tuple(
        Wanted(requirement, Policy(wheels=package.wheels, formats=lock.formats), indexes)
        for package in tree.packages
        for lock in package.locks
        for indexes in (effective_indexes(lock.indexes, ports),)
        for requirement in lock.requirements
        if isinstance(requirement, Pinned)
    )


def effective_indexes(stated: IndexOptions, ports: Ports) -> tuple[str, ...]:
    """Return the addresses that pip would ask: ``--index-url`` in a file replaces all settings."""
    if stated.index_url:
        first, extra = stated.index_url, stated.extra_index_urls
    else:
        first = ports.default_indexes.index_url or ports.default_index_url()
        extra = (*ports.default_indexes.extra_index_urls, *stated.extra_index_urls)
    return tuple(dict.fromkeys((first, *extra)))


def choose_all(
    requirements: Sequence[Wanted],
    index_of: Callable[[tuple[str, ...]], Index],
    workers: int,
    on_choice: OnChoice,
) -> tuple[Choice, ...]:
    """Return a choice for each of ``requirements``, in their order; raises all failures at once.

    Pages are read in ``workers`` threads, each project's once. ``on_choice`` is called from these threads.
    """
    groups = _by_page(requirements)
    indexes = {addresses: index_of(addresses) for addresses, _ in groups}
    made: dict[int, Choice] = {}
    failed: dict[int, Cachi2ishError] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="page") as pool:
        futures = {
            pool.submit(_choose_group, indexes[addresses], project, members, on_choice): members
            for (addresses, project), members in groups.items()
        }
        try:
            for future in as_completed(futures):
                for position, outcome in future.result():
                    if isinstance(outcome, Choice):
                        made[position] = outcome
                    else:
                        failed[position] = outcome
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    raise_all(failed[position] for position in sorted(failed))
    return tuple(made[position] for position in sorted(made))


_Member = tuple[int, Wanted]


def _by_page(
    requirements: Sequence[Wanted],
) -> dict[tuple[tuple[str, ...], NormalizedName], list[_Member]]:
    groups: dict[tuple[tuple[str, ...], NormalizedName], list[_Member]] = defaultdict(list)
    for position, member in enumerate(requirements):
        groups[member.indexes, member.requirement.project].append((position, member))
    return groups


def _choose_group(
    index: Index, project: NormalizedName, members: Sequence[_Member], on_choice: OnChoice
) -> list[tuple[int, Choice | Cachi2ishError]]:
    try:
        page = index.page(project, _known(members))
    except Cachi2ishError as error:
        position, member = members[0]
        if error.origin is None:
            error.origin = member.requirement.origin
        return [(position, error)]
    return list(_outcomes(members, lambda member: choose(member.requirement, page, member.policy), on_choice))


def _outcomes(
    members: Sequence[_Member], make: Callable[[Wanted], Choice], on_choice: OnChoice
) -> Iterator[tuple[int, Choice | Cachi2ishError]]:
    for position, member in members:
        try:
            choice = make(member)
        except Cachi2ishError as error:
            yield position, error
        else:
            on_choice(choice)
            yield position, choice


def _known(members: Sequence[_Member]) -> frozenset[Digest]:
    """Return all digests named for the project, or none where one requirement names none."""
    named = [member.requirement.digests for _, member in members]
    return frozenset().union(*named) if all(named) else frozenset()
