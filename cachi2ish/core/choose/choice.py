"""From a requirement and a project page to the files to fetch, and for every other file the reason why not.

Pure: the same page, requirement and policy give the same choice. Each reason is one small check; what passes
all of them is put into an order of preference, for each target where there are targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cachi2ish.core.choose.candidates import Candidate, Refusal, candidates_of, withheld_from
from cachi2ish.core.choose.explain import nothing_for, nothing_to_take, quarantined
from cachi2ish.core.choose.fit import Fitter, TargetFiles, why_left, why_not_there
from cachi2ish.core.digests import comparable, strong
from cachi2ish.core.distributions import WheelName, plain_name
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Formats, Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.targets.markers import holds
from cachi2ish.core.targets.wheel_filter import WheelFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
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
            return holds(marker, (target.marker_environment for target in self.targets))
        return self.binary is None or self.binary.wants(marker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one requirement becomes. files: at most one sdist, first; then wheels by name.

    by_target: what each target needs, in the order of the policy, where there are targets.
    left: the files that would have been taken too, had all wheels been allowed without `binary` and `targets`.
    """

    requirement: Pinned
    index: str
    files: tuple[IndexFile, ...]
    by_target: tuple[TargetFiles, ...] = ()
    left: tuple[IndexFile, ...] = ()
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()


def choose(requirement: Pinned, page: Page, policy: Policy) -> Choice:
    """Choose the files for ``requirement``; raises `UnavailableError` where none may be taken."""
    if page.status == "quarantined":
        raise quarantined(requirement, page)
    found = candidates_of(requirement, page)
    refused = [*withheld_from(requirement, page), *found.odd]
    allowed = _passing(found.candidates, _CHECKS, requirement, policy, refused)
    permitted = _passing(allowed, (_not_of_binary,), requirement, policy, refused)
    # When a file was yanked is not known: a choice as of a date must not depend on it.
    dated = page.cutoff is not None
    if policy.targets and permitted:
        taken, by_target = _for_targets(requirement, page, policy, permitted, refused)
    else:
        taken, by_target = _everything(permitted, dated=dated), ()
    if not taken:
        raise nothing_to_take(requirement, page, found.candidates, refused)
    chosen = frozenset(taken)
    if not by_target:
        others = (one for one in permitted if one not in chosen)
        refused.extend(Refusal(one.file.filename, f"{taken[0].file.filename} is preferred") for one in others)
    return Choice(
        requirement=requirement,
        index=page.index,
        files=tuple(candidate.file for candidate in taken),
        by_target=by_target,
        left=tuple(one.file for one in _everything(allowed, dated=dated) if one not in chosen),
        refused=tuple(sorted(refused, key=lambda refusal: refusal.filename)),
        warnings=tuple(_yanked(taken)),
    )


_Check = Callable[[Candidate, Pinned, Policy], str | None]


def _passing(
    candidates: Iterable[Candidate],
    checks: Sequence[_Check],
    requirement: Pinned,
    policy: Policy,
    refused: list[Refusal],
) -> tuple[Candidate, ...]:
    """Return the candidates that pass all checks; the others go to ``refused``."""
    passing: list[Candidate] = []
    for candidate in candidates:
        reason = next(filter(None, (check(candidate, requirement, policy) for check in checks)), None)
        if reason is None:
            passing.append(candidate)
        else:
            refused.append(Refusal(candidate.file.filename, reason))
    return tuple(passing)


def _everything(permitted: Iterable[Candidate], *, dated: bool) -> tuple[Candidate, ...]:
    """Return the best sdist and all wheels."""
    ordered = sorted(permitted, key=lambda one: one.preference[dated:])
    sdists = [one for one in ordered if one.is_sdist]
    wheels = sorted((one for one in ordered if not one.is_sdist), key=lambda one: one.file.filename)
    return (*sdists[:1], *wheels)


def _for_targets(
    requirement: Pinned, page: Page, policy: Policy, permitted: Sequence[Candidate], refused: list[Refusal]
) -> tuple[tuple[Candidate, ...], tuple[TargetFiles, ...]]:
    """Return what all targets together need, and what each one does; raises where one of them has nothing."""
    fitter = Fitter(requirement=requirement, every_wheel=policy.every_wheel, dated=page.cutoff is not None)
    concerned = tuple(target for target in policy.targets if target.wants(requirement.marker))
    fitted = tuple((target, fitter.fit(permitted, target)) for target in concerned)
    needed = {one for _, files in fitted for one in files}
    refused.extend(Refusal(one.file.filename, why_left(one, fitted)) for one in permitted if one not in needed)
    missing = tuple(target for target, files in fitted if not files)
    if missing:
        elsewhere = (Refusal(one.file.filename, why_not_there(one, missing)) for one in needed)
        raise nothing_for(requirement, page, missing, (*refused, *elsewhere))
    taken = sorted(needed, key=lambda one: (not one.is_sdist, one.file.filename))
    served = (TargetFiles(target, tuple(one.file for one in files)) for target, files in fitted)
    return tuple(taken), tuple(served)


def _unsafe(candidate: Candidate, _requirement: Pinned, _policy: Policy) -> str | None:
    return None if plain_name(candidate.file.filename) else "its name cannot be used as a file name"


def _wheels_not_allowed(candidate: Candidate, _requirement: Pinned, policy: Policy) -> str | None:
    return None if candidate.is_sdist or policy.wheels else "wheels are not allowed (allow_binary)"


def _other_format(candidate: Candidate, requirement: Pinned, _policy: Policy) -> str | None:
    permitted = requirement.formats
    if permitted is Formats.WHEELS and candidate.is_sdist:
        return "the requirements file takes wheels only here (--only-binary)"
    if permitted is Formats.SDISTS and not candidate.is_sdist:
        return "the requirements file takes sdists only here (--no-binary)"
    return None


def _not_in_lock(candidate: Candidate, requirement: Pinned, _policy: Policy) -> str | None:
    named, stated = strong(requirement.digests), strong(candidate.file.digests)
    if named and stated and comparable(named, stated) and not candidate.is_named_by(named):
        return "none of the requirement's hashes is this file's"
    return None


def _not_of_binary(candidate: Candidate, requirement: Pinned, policy: Policy) -> str | None:
    if policy.binary is None:
        return None
    if not isinstance(candidate.name, WheelName):
        named = policy.binary.names(requirement.project)
        return "binary.packages names the project, so only its wheels are taken" if named else None
    if not policy.binary.takes_wheels_of(requirement.project):
        return "binary.packages does not name the project, so only its sdist is taken"
    return policy.binary.why_not(candidate.name.tags)


_CHECKS: tuple[_Check, ...] = (_unsafe, _other_format, _wheels_not_allowed, _not_in_lock)


def _yanked(taken: Iterable[Candidate]) -> Iterable[str]:
    for candidate in taken:
        if candidate.file.yanked:
            because = f": {candidate.file.yanked_reason}" if candidate.file.yanked_reason else ""
            yield f"{candidate.file.filename} is yanked today{because} (taken, because it is pinned)"
