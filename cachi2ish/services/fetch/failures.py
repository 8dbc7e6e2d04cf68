"""Which failures end a run, in which order, and each of them once; and what another file makes up for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.choose.explain import warning_of
from cachi2ish.core.digests import strong
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Requirement
from cachi2ish.errors import (
    AccessError,
    Cachi2ishError,
    HostError,
    NotCachedError,
    NotLockedError,
    StorageError,
    UnavailableError,
)
from cachi2ish.services.reporter import Reporter

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


def _located(errors: Iterable[tuple[Requirement, Cachi2ishError]]) -> Iterator[Cachi2ishError]:
    seen: set[Cachi2ishError] = set()
    for requirement, error in sorted(errors, key=lambda pair: position(pair[0])):
        if error not in seen:  # of the requirements that share a file and its failure, the first one
            seen.add(error)
            # No line of a requirements file can mend a disk, or a setting.
            anywhere = error.origin is None or isinstance(error, StorageError) or not error.of_requirement
            place = None if anywhere else requirement.origin
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


@dataclass(eq=False)
class Chosen:
    """A choice whose files are on their way. Not safe for threads.

    choice: as it is by now. dispensed: the files that it had to do without, and why. possible: whether it can.
    """

    choice: Choice
    dispensed: list[tuple[IndexFile, Cachi2ishError]] = field(default_factory=list)
    possible: bool = True

    def without(self, file: IndexFile, error: Cachi2ishError) -> tuple[tuple[IndexFile, str], ...]:
        """Do without ``file``; return the files to fetch in its place, each with its index."""
        before = set(self.choice.files)
        self.dispensed.append((file, error))
        try:
            self.choice = self.choice.without(file)
        except UnavailableError:
            self.possible = False
        return tuple(pair for pair in self.choice.listed if pair[0] not in before) if self.possible else ()

    def report(self, first: Choice, reporter: Reporter) -> None:
        """Tell what was left out, and what else is there to be told of what came in its place."""
        origin = self.choice.requirement.origin
        for file, error in self.dispensed:
            if isinstance(error, NotLockedError) and not strong(file.digests):
                reporter.warning(
                    f"{origin}: {file.filename} is left out: the requirement names no hash of it, and its index"
                    " states none"
                )
            else:
                reporter.debug(f"not taken: {error}")
        for warning in self.choice.warnings:
            if warning not in first.warnings:
                reporter.warning(f"{origin}: {warning_of(warning)}")


def may_be_left_out(error: BaseException | None) -> bool:
    """Return whether a transfer has failed because the lock names another file, or may name another one."""
    return isinstance(error, NotLockedError) or (isinstance(error, NotCachedError) and error.dispensable)


def all_needed(choice: Choice, errors: Sequence[tuple[IndexFile, Cachi2ishError]]) -> Iterator[Cachi2ishError]:
    """Yield those of ``errors`` that count: none as long as ``choice`` can do without the files."""
    chosen = Chosen(choice)
    for file, error in errors:
        chosen.without(file, error)
    if not chosen.possible:
        yield from (error for _, error in errors)
