"""One failure of a host is one error, however many requirements it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cachi2ish.errors import Cachi2ishError, HostError

#: How many of the other places are named.
_NAMED = 2


def each_cause_once(errors: Iterable[Cachi2ishError]) -> Iterator[Cachi2ishError]:
    """Yield ``errors`` in order, those that have a cause in common as one, at the first of them."""
    groups: dict[object, list[Cachi2ishError]] = {}
    for error in errors:
        key = error if error.cause is None else (type(error), error.cause)
        groups.setdefault(key, []).append(error)
    for group in groups.values():
        first, *others = group
        yield _joined(first, others) if isinstance(first, HostError) and others else first


def _joined(first: HostError, others: Sequence[Cachi2ishError]) -> HostError:
    origins = dict.fromkeys(one.origin for one in others)
    places = [str(origin) for origin in origins if origin not in (None, first.origin)]
    if not places:
        return first
    problem = f"{first.problem}; the same for {_listed(places)}"
    return first.reworded(problem)


def _listed(places: Sequence[str]) -> str:
    rest = len(places) - _NAMED
    if rest <= 0:
        return " and ".join(places)
    return f"{', '.join(places[:_NAMED])} and {rest} more place{'' if rest == 1 else 's'}"
