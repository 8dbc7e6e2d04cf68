"""What a plan means for a person: errors, warnings, and for which machines a line of the lock is."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name

from cachi2ish.build.interface import Cycle, Machine, Plan, Release, SdistFacts
from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.messages import did_you_mean, excerpt
from cachi2ish.errors import Cachi2ishError, InputError, UnavailableError, UsageError, raise_all
from cachi2ish.services.lock_build_deps.index_releases import IndexReleases
from cachi2ish.services.lock_build_deps.roots import Place

_HINT = (
    "allow another version with --constraint, or build_constraint_files in the input; take its wheel; or pin"
    " another version of it"
)


def summary(builds: int, releases: int) -> str:
    """Return how many builds need how many releases, as a sentence."""
    needing = "1 build needs" if builds == 1 else f"{builds} builds need"
    return f"{needing} {'1 release' if releases == 1 else f'{releases} releases'}"


def crates_of(name: str, facts: SdistFacts) -> str:
    """Return that an sdist takes packages of Rust to be built."""
    count = "an unknown number of" if facts.crates is None else str(facts.crates)
    project = canonicalize_name(facts.name or name)
    return (
        f"unknown: crates: {name} is built of {count} Rust packages, which are not fetched; take its wheel"
        f' ("binary": {{"packages": "{project}"}}), or fetch them in another way'
    )


def remedies_of(plan: Plan) -> Iterable[str]:
    """Yield how cycles were resolved, and what is as of another time.

    What has to come as a wheel is named together: one key of the input has all of it.
    """
    wheels = ",".join(sorted({str(one.wheel.project) for one in plan.remedies if one.wheel is not None}))
    for remedy in plan.remedies:
        if remedy.moved is not None:
            yield f"cycle: {_needing(remedy.cycle)}; {remedy.moved} does without"
        elif remedy.wheel is not None:
            yield (
                f"cycle: {_needing(remedy.cycle)}, and no newer release does without;"
                f' {remedy.wheel} has to come as a wheel ("binary": {{"packages": "{wheels}"}})'
            )
    for build, before in plan.fallbacks:
        yield (
            f"{build.name}: what it is built with is as of {rfc3339(before)}, the day after it was uploaded, since"
            " nothing fulfils it as of the usual date"
        )
    for stage in plan.stages:
        if stage.name and stage.since is not None:
            yield f"stage {stage.name}: as of {rfc3339(stage.since)}, the day after it was uploaded"


def failures_of(plan: Plan, places: Iterable[Place]) -> Iterable[Cachi2ishError]:
    """Yield an error for each build that has no environment."""
    origins = {place.root.build.name: place.origin for place in places}
    machines: dict[tuple[str, str], list[str]] = {}
    for one in plan.failed:
        machines.setdefault((one.build.name, one.why), []).append(str(one.machine))
    for (name, why), where in machines.items():
        yield UnavailableError(
            f"{name} cannot be built on {where[0]}{f' and {len(where) - 1} more' if where[1:] else ''}: {why}",
            hint=_HINT,
            origin=origins.get(name),
        )


def cycle_left(cycle: Cycle) -> Cachi2ishError:
    """Return the error for builds that need each other."""
    return UnavailableError(
        f"{_needing(cycle)} on {cycle.machine}, and there is no wheel that would do",
        hint="pin another version of one of them with --constraint",
    )


def _needing(cycle: Cycle) -> str:
    return f"{cycle} {'need each other to be built' if cycle.members[1:] else 'is needed to build itself'}"


def stages_of(names: frozenset[str], places: Iterable[Place], named_by: str) -> frozenset[str]:
    """Return the builds that are meant, by file or by project. Raises `InputError` for a name that none has.

    named_by: the option where the names stand, or the key of the input.
    """
    error = UsageError if named_by.startswith("--") else InputError
    known: dict[str, set[str]] = {":all:": {":all:"}}
    for place in places:
        build = place.root.build
        for name in (build.name, canonicalize_name(build.facts.name or build.name)):
            known.setdefault(name, set()).add(build.name)
    meant = {name: known.get(name) or known.get(canonicalize_name(name)) for name in sorted(names)}
    raise_all(
        error(
            f"{named_by} {excerpt(name)!r}: no sdist that is built has this name",
            hint=did_you_mean(name, known, "name an sdist that is fetched, or its project"),
        )
        for name, builds in meant.items()
        if builds is None
    )
    return frozenset(name for builds in meant.values() for name in builds or ())


def marker_of(release: Release, machines: tuple[Machine, ...], releases: IndexReleases) -> str:
    """Return for which of the machines a release is, where it is not for all of them."""
    served = [one for one in machines if releases.is_built(release, one) is not None]
    if len(served) == len(machines):
        return ""
    keys = ("python_version", "sys_platform", "platform_machine")
    differing = [key for key in keys if len({one.target.marker_environment.get(key, "") for one in machines}) > 1]
    terms = []
    for one in served:
        environment = one.target.marker_environment
        terms.append(" and ".join(f'{key} == "{environment.get(key, "")}"' for key in differing))
    return " or ".join(dict.fromkeys(terms)) if differing else ""
