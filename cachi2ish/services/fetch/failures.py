"""Which failures of many requirements end a run, in which order, each of them once; and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cachi2ish.core.requirements import Requirement
from cachi2ish.errors import AccessError, Cachi2ishError, HostError, StorageError, leaves

#: How many of the other places are named where one failure concerns several.
_NAMED = 2


def failures_of_transfers(
    errors: Iterable[tuple[Requirement, Cachi2ishError]],
) -> Iterator[Cachi2ishError]:
    """Yield the errors that end the run, in reading order."""
    return each_cause_once(_located(errors))


def each_cause_once(errors: Iterable[Cachi2ishError]) -> Iterator[Cachi2ishError]:
    """Yield ``errors`` in order, those that have a cause in common as one, at the first of them."""
    groups: dict[object, list[Cachi2ishError]] = {}
    for error in errors:
        key = error if error.cause is None else (type(error), error.cause)
        groups.setdefault(key, []).append(error)
    for group in groups.values():
        first, *others = group
        yield _joined(first, others) if isinstance(first, HostError | AccessError) and others else first


def position(requirement: Requirement) -> tuple[str, int]:
    """Return what requirements are put into reading order by."""
    return requirement.origin.file, requirement.origin.line or 0


def release_frames(error: BaseException) -> None:
    """Forget where ``error`` and all that it came of were raised, if it is one of this program.

    Tracebacks hold what was at hand there, such as a decompressor with its memory, for as long as an error is
    kept. One that nobody expects keeps them: they tell where the defect is.
    """
    left: list[BaseException | None] = [error] if isinstance(error, Cachi2ishError) else []
    seen = set[int]()
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = None
        left += (one.__cause__, one.__context__, *(leaves(one) if isinstance(one, Cachi2ishError) else ()))


def _located(errors: Iterable[tuple[Requirement, Cachi2ishError]]) -> Iterator[Cachi2ishError]:
    seen: set[Cachi2ishError] = set()
    for requirement, error in sorted(errors, key=lambda pair: position(pair[0])):
        if error not in seen:  # of the requirements that share a file and its failure, the first one
            seen.add(error)
            # No line of a requirements file can mend a disk, or a setting.
            has_no_line = error.origin is None or isinstance(error, StorageError) or not error.of_requirement
            place = None if has_no_line else requirement.origin
            yield error if error.origin == place else error.at(place)


def _joined(first: HostError | AccessError, others: Sequence[Cachi2ishError]) -> HostError | AccessError:
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
