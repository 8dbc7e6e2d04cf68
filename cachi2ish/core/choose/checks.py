"""What the user allows, and the checks that a file of the pinned version has to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from cachi2ish.core.choose.candidates import Candidate
from cachi2ish.core.choose.reasons import Facts, Reason, Refusal
from cachi2ish.core.digests import comparable
from cachi2ish.core.distributions import WheelName, plain_name
from cachi2ish.core.requirements import Formats, Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.targets.wheel_filter import WheelFilter


class Policy(Struct, frozen=True, kw_only=True):
    """What the user allows.

    wheels: whether there may be wheels at all (`allow_binary`, `binary`, `targets`).
    binary: which of them, beside or instead of sdists; None for all.
    targets: the machines to choose for; empty for none in particular, and then markers are not evaluated.
    every_wheel: for each target all the wheels that it accepts, and not only the best.
    """

    wheels: bool = False
    binary: WheelFilter | None = None
    targets: tuple[Target, ...] = ()
    every_wheel: bool = False

    def wants(self, marker: str | None) -> bool:
        """Return whether a requirement with this marker is needed anywhere."""
        if self.targets:
            return any(target.wants(marker) for target in self.targets)
        return self.binary is None or self.binary.wants(marker)


#: Returns why a file is not taken, or None if it passes.
Check = Callable[[Candidate, Pinned, Policy], tuple[Reason, Facts] | None]

_NO_FACTS = Facts()


def passing(
    candidates: Iterable[Candidate],
    checks: Sequence[Check],
    requirement: Pinned,
    policy: Policy,
    refused: list[Refusal],
) -> tuple[Candidate, ...]:
    """Return the candidates that pass all checks; the others go to ``refused``."""
    passed: list[Candidate] = []
    for candidate in candidates:
        for check in checks:
            why = check(candidate, requirement, policy)
            if why is not None:
                refused.append(Refusal(candidate.file.filename, *why))
                break
        else:
            passed.append(candidate)
    return tuple(passed)


def _has_safe_name(candidate: Candidate, _requirement: Pinned, _policy: Policy) -> tuple[Reason, Facts] | None:
    return None if plain_name(candidate.file.filename) else (Reason.UNSAFE_NAME, _NO_FACTS)


def _is_of_format(candidate: Candidate, requirement: Pinned, _policy: Policy) -> tuple[Reason, Facts] | None:
    permitted = requirement.formats
    if permitted is Formats.WHEELS and candidate.is_sdist:
        return Reason.WHEELS_ONLY, _NO_FACTS
    if permitted is Formats.SDISTS and not candidate.is_sdist:
        return Reason.SDISTS_ONLY, _NO_FACTS
    return None


def _is_allowed(candidate: Candidate, _requirement: Pinned, policy: Policy) -> tuple[Reason, Facts] | None:
    return None if candidate.is_sdist or policy.wheels else (Reason.WHEELS_NOT_ALLOWED, _NO_FACTS)


def _is_locked(candidate: Candidate, requirement: Pinned, _policy: Policy) -> tuple[Reason, Facts] | None:
    if candidate.is_named_by(requirement.digests) or not comparable(requirement.digests, candidate.file.digests):
        return None
    return Reason.NOT_LOCKED, _NO_FACTS


def _passes_filter(candidate: Candidate, requirement: Pinned, policy: Policy) -> tuple[Reason, Facts] | None:
    if policy.binary is None:
        return None
    if not isinstance(candidate.name, WheelName):
        named = policy.binary.names(requirement.project)
        return (Reason.WHEELS_OF_PROJECT_ONLY, _NO_FACTS) if named else None
    if not policy.binary.takes_wheels_of(requirement.project):
        return Reason.SDIST_OF_PROJECT_ONLY, _NO_FACTS
    return policy.binary.why_not(candidate.name.tags)


#: What holds for every file, in the order in which reasons are given.
ALWAYS: tuple[Check, ...] = (_has_safe_name, _is_of_format, _is_allowed, _is_locked)

#: Hermeto's ``binary``.
BY_FILTER: tuple[Check, ...] = (_passes_filter,)
