"""The graph of a lock file that writes markers on its edges: what is reached from what is wanted, and where."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from packaging.utils import canonicalize_name

from cachi2ish.core.messages import did_you_mean, excerpt
from cachi2ish.core.targets.environments import NOWHERE, Environments
from cachi2ish.errors import Cachi2ishError, InputError, Origin, raise_all
from cachi2ish.lockfiles.interface import EVERYTHING

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
