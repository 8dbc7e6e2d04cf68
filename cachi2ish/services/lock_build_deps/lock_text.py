"""The lock of build requirements as text: pins with digests, sorted, and with who needs them and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from cachi2ish.build.interface import Machine, Plan, Release, Stage
from cachi2ish.core.digests import Digest
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.files.interface import ResultKind

#: How many that need a release are named; the rest is counted.
_MOST_NAMED = 6

_TITLE = "# What the sdists are built with, and what that is built with; made by cachi2ish lock-build-deps"

_CONSTRAINTS_TITLE = "# For PIP_BUILD_CONSTRAINT while "

LOCK = ResultKind("lock of build requirements", lambda beginning: beginning.startswith(_TITLE.encode()))
CONSTRAINTS = ResultKind(
    "file of constraints", lambda beginning: beginning.startswith(_CONSTRAINTS_TITLE.encode())
)


@dataclass(frozen=True, slots=True)
class Pins:
    """What the text says beside a plan.

    as_of: the instant, and what it is. machines: where it holds, in words. tools: those that are there.
    digests: returns those of all files of a release. marker: returns for which machines a release is, or "".
    dependencies: returns ``Requires-Dist`` of a release. notes: sentences for the head.
    """

    as_of: str
    machines: tuple[Machine, ...]
    tools: frozenset[str]
    digests: Callable[[Release], Collection[Digest]]
    marker: Callable[[Release], str]
    dependencies: Callable[[Release], tuple[str, ...]]
    notes: tuple[str, ...] = ()


def lock_text(plan: Plan, pins: Pins) -> str:
    """Return the file: the same bytes for the same plan."""
    lines = [_TITLE, f"# As of: {pins.as_of}"]
    lines += [f"# For: {machine}" for machine in pins.machines]
    lines += [f"# With the tools: {', '.join(sorted(pins.tools))}"] if pins.tools else []
    lines += [f"# {note}" for note in pins.notes]
    needed = _needed(plan, pins)
    for release in sorted(plan.used):
        lines += _block(release, pins, needed.get(release, ()))
    return "\n".join(lines) + "\n"


def constraints_text(stage: Stage) -> str:
    """Return the file that ``PIP_BUILD_CONSTRAINT`` names while the builds of a stage run."""
    head = [f"{_CONSTRAINTS_TITLE}{stage.name} is built; made by cachi2ish lock-build-deps"]
    return "\n".join((*head, *(f"{project}{text}" for project, text in stage.constraints))) + "\n"


def _block(release: Release, pins: Pins, needed: Iterable[str]) -> Iterator[str]:
    marker = pins.marker(release)
    digests = sorted(str(one) for one in pins.digests(release))
    begin = f"{release.project}=={release.version}{f' ; {marker}' if marker else ''}"
    yield " \\\n".join((begin, *(f"    --hash={one}" for one in digests)))
    named = sorted(needed)
    yield from (f"    # {one}" for one in named[:_MOST_NAMED])
    if len(named) > _MOST_NAMED:
        yield f"    # and {len(named) - _MOST_NAMED} more"


def _needed(plan: Plan, pins: Pins) -> Mapping[Release, set[str]]:
    """Return who needs each release, and why."""
    found: dict[Release, set[str]] = {}
    wanted_by: dict[Release, set[str]] = {}
    for stage in plan.stages:
        place = f" (stage {stage.name})" if stage.name else ""
        for (build, machine), environment in stage.environments.items():
            names = {_project(text): why for text, why in reversed(environment.requested)}
            for project, version in environment.installed.items():
                release = Release(project, version)
                if project in names:
                    found.setdefault(release, set()).add(f"{build.name}: {names[project]}{place}")
                for dependency in _needs(pins.dependencies(release), machine):
                    if dependency in environment.installed and dependency not in names:
                        other = Release(dependency, environment.installed[dependency])
                        wanted_by.setdefault(other, set()).add(f"{release}: needs it{place}")
    return {one: found.get(one, set()) | wanted_by.get(one, set()) for one in plan.used}


def _needs(texts: Iterable[str], machine: Machine) -> Iterator[str]:
    for text in texts:
        project, marker = _parsed(text)
        if project and machine.wants(marker):
            yield project


def _project(text: str) -> str:
    return _parsed(text)[0]


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[str, str | None]:
    """Return the project of a requirement, and its marker; "" for what is no requirement."""
    try:
        one = read_requirement(text)
    except InvalidRequirement:
        return "", None
    return canonicalize_name(one.name), None if one.marker is None else str(one.marker)
