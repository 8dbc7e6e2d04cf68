"""Which failures of transfers are told, in which order, and each of them once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from cachi2ish.core.requirements import Requirement
from cachi2ish.errors import Cachi2ishError, NotCachedError, NotLockedError, StorageError
from cachi2ish.services.fetch.same_cause import each_cause_once


def those_that_count(
    errors: Iterable[tuple[Requirement, Cachi2ishError]],
    served: Collection[Requirement],
    on_left_out: Callable[[str], None],
) -> Iterator[Cachi2ishError]:
    """Yield the errors that end the run, in reading order.

    served: requirements that another file serves; what they can do without goes to ``on_left_out`` instead.
    """
    return each_cause_once(_once(_those_that_count(errors, served, on_left_out)))


def position(requirement: Requirement) -> tuple[str, int]:
    """Return what requirements are put into reading order by."""
    return requirement.origin.file, requirement.origin.line or 0


def _those_that_count(
    errors: Iterable[tuple[Requirement, Cachi2ishError]],
    served: Collection[Requirement],
    on_left_out: Callable[[str], None],
) -> Iterator[Cachi2ishError]:
    placed: set[int] = set()
    for requirement, error in sorted(errors, key=lambda pair: position(pair[0])):
        if _may_be_left_out(error) and requirement in served:
            # As in pip: a file that the lock does not name is not taken, and another one serves.
            on_left_out(f"not taken: {error}")
        else:
            if error.origin is not None and id(error) not in placed:
                error.origin = requirement.origin  # of those that share the file, the first one in reading order
            placed.add(id(error))
            yield error


def _may_be_left_out(error: Cachi2ishError) -> bool:
    return isinstance(error, NotLockedError) or (isinstance(error, NotCachedError) and error.dispensable)


def _once(errors: Iterable[Cachi2ishError]) -> Iterator[Cachi2ishError]:
    # Requirements that share a file share its failure, and a full disk is one failure for all of them.
    seen: set[object] = set()
    for error in errors:
        key: object = id(error)
        if isinstance(error, StorageError):  # no line of a requirements file can mend it
            key, error.origin = error.problem, None
        if key not in seen:
            seen.add(key)
            yield error
