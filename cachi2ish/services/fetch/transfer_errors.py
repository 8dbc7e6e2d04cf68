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
    return each_cause_once(_those_that_count(errors, served, on_left_out))


def position(requirement: Requirement) -> tuple[str, int]:
    """Return what requirements are put into reading order by."""
    return requirement.origin.file, requirement.origin.line or 0


def _those_that_count(
    errors: Iterable[tuple[Requirement, Cachi2ishError]],
    served: Collection[Requirement],
    on_left_out: Callable[[str], None],
) -> Iterator[Cachi2ishError]:
    seen: set[Cachi2ishError] = set()
    for requirement, error in sorted(errors, key=lambda pair: position(pair[0])):
        if _may_be_left_out(error) and requirement in served:
            # As in pip: a file that the lock does not name is not taken, and another one serves.
            on_left_out(f"not taken: {error}")
        elif error not in seen:  # of the requirements that share a file and its failure, the first one
            seen.add(error)
            # No line of a requirements file can mend a disk.
            anywhere = error.origin is None or isinstance(error, StorageError)
            place = None if anywhere else requirement.origin
            yield error if error.origin == place else error.at(place)


def _may_be_left_out(error: Cachi2ishError) -> bool:
    return isinstance(error, NotLockedError) or (isinstance(error, NotCachedError) and error.dispensable)
