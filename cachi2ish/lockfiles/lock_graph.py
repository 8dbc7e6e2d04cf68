"""The graph of a lock file that writes markers on its edges: what is reached from what is wanted, and where."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from packaging.utils import canonicalize_name

from cachi2ish.core.messages import did_you_mean, excerpt
from cachi2ish.core.targets.environments import NOWHERE, Environments
from cachi2ish.errors import Cachi2ishError, InputError, Origin, raise_all
from cachi2ish.lockfiles.interface import EVERYTHING, Needs

_Node = TypeVar("_Node", bound=Hashable)


def reach(
    roots: Iterable[tuple[_Node, Environments]],
    edges_of: Callable[[_Node], Iterable[tuple[_Node, Environments]]],
) -> Mapping[_Node, Environments]:
    """Return each node that is reached, and where: the union of all ways to it, in the order of the first ones.

    A way holds where all markers on it hold. Circles are allowed.
    """
    found: dict[_Node, Environments] = {}
    changed: deque[_Node] = deque()

    def arrive(node: _Node, where: Environments) -> None:
        before = found.get(node, NOWHERE)
        after = before | where
        if after != before:
            found[node] = after
            if node not in changed:
                changed.append(node)

    for node, where in roots:
        arrive(node, where)
    while changed:
        node = changed.popleft()
        for other, marker in edges_of(node):
            arrive(other, found[node] & marker)
    return found


def needs_of(
    roots: Mapping[str, Iterable[_Node]],
    edges_of: Callable[[_Node], Iterable[_Node]],
    number_of: Callable[[_Node], int | None],
    count: int,
    groups: Mapping[int, frozenset[str]] | None = None,
) -> Needs:
    """Return who needs what among ``count`` requirements.

    roots: by group, the nodes that it names. number_of: returns which requirement a node is, None for one that is
    not fetched, such as the project itself: what such a node needs is needed by whoever needs the node.
    groups: where the lock says them itself. What nobody needs, as far as is known, counts as direct.
    """
    seen: dict[str, set[_Node]] = {label: set(_walk(starts, edges_of)) for label, starts in roots.items()}
    found: dict[int, set[str]] = {}
    edges: set[tuple[int, int]] = set()
    for label, nodes in seen.items():
        for node in nodes:
            if (number := number_of(node)) is not None:
                found.setdefault(number, set()).add(label)
    for node in set().union(*seen.values()):
        if (number := number_of(node)) is not None:
            edges |= {
                (number, other) for other in _nearest(edges_of(node), edges_of, number_of) if other != number
            }
    direct = frozenset(_nearest((node for starts in roots.values() for node in starts), edges_of, number_of))
    labels = {number: frozenset(some) for number, some in found.items()} if groups is None else groups
    return with_all_reached(Needs(labels, direct, frozenset(edges)), count)


def with_all_reached(needs: Needs, count: int) -> Needs:
    """Return ``needs`` with all of ``count`` requirements within reach of the project.

    What is not reached from what it needs directly counts as direct: first what nobody needs, then what is left of
    circles.
    """
    direct, edges = set(needs.direct), needs.edges
    after: dict[int, set[int]] = {}
    for one, other in edges:
        after.setdefault(one, set()).add(other)
    needed = {other for _, other in edges}
    reached = set(_walk(direct, lambda one: after.get(one, ())))
    for number in (*(one for one in range(count) if one not in needed), *range(count)):
        if number not in reached:
            direct.add(number)
            reached |= set(_walk((number,), lambda one: after.get(one, ())))
    return Needs(needs.groups, frozenset(direct), edges)


def _walk(starts: Iterable[_Node], edges_of: Callable[[_Node], Iterable[_Node]]) -> Iterator[_Node]:
    seen: set[_Node] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting.extend(edges_of(node))


def _nearest(
    starts: Iterable[_Node],
    edges_of: Callable[[_Node], Iterable[_Node]],
    number_of: Callable[[_Node], int | None],
) -> Iterator[int]:
    """Yield the requirements that are reached without passing another one."""
    for node in _walk(starts, lambda one: edges_of(one) if number_of(one) is None else ()):
        if (number := number_of(node)) is not None:
            yield number


def chosen(what: str, names: Sequence[str], known: Collection[str], file: str) -> tuple[str, ...]:
    """Return which of ``known`` the input names, normalised; raises `InputError` for names that are not there.

    what: one of them is called: ``group``.
    """
    if EVERYTHING in names:
        return tuple(sorted(known))
    errors: list[Cachi2ishError] = []
    for name in names:
        if canonicalize_name(name) not in known:
            listed = ", ".join(sorted(known))
            errors.append(
                InputError(
                    f"the lock has no {what} {excerpt(name)!r}",
                    hint=did_you_mean(name, known, f"it has {listed}" if known else f"it has no {what}"),
                    origin=Origin(file),
                )
            )
    raise_all(errors)
    return tuple(dict.fromkeys(map(canonicalize_name, names)))


def left_out_note(file: str, reached: int, packages: int) -> Iterator[str]:
    """Yield a note where not all packages of a lock are taken."""
    if reached < packages:
        yield (
            f"{file}: {packages - reached} of {packages} packages are left out: no group or extra that is taken"
            " needs them"
        )
