"""What each machine that is prefetched for gets, and what none of them needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish.core.choose.choice import ChosenFiles
from cachi2ish.core.distributions import is_wheel, same_version, wheel_tags
from cachi2ish.core.outputs import name_of_git, name_of_url
from cachi2ish.core.requirements import Git, Pinned, Purpose, Requirement, Url
from cachi2ish.core.targets.machine import Target
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.identifying import Fetched, extra_dependencies
from cachi2ish.services.fetch.ports import Archives
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.remembered_warnings import remembered_warnings

if TYPE_CHECKING:
    from cachi2ish.core.targets.extras import GivenUp

#: Part of what warnings are remembered by: raise it when rules or words change.
_RULE = "1"


class Share(Struct, frozen=True):
    """A number of files. size: bytes of those whose size is known; unknown: how many the others are."""

    files: int
    size: int
    unknown: int


class Shares(Struct, frozen=True):
    """What each target gets, in the order of the input.

    left: the files that all wheels would have been more; None where nothing was narrowed down.
    left_out: the requirements whose marker holds nowhere, in reading order.
    """

    by_target: tuple[tuple[Target, Share], ...] = ()
    left: Share | None = None
    left_out: tuple[Requirement, ...] = ()


def unfit_wheels(reading: Reading) -> Iterator[str]:
    """Yield a warning for each wheel at an address that none of the targets can use."""
    for package, requirement in requirements_of(reading):
        if not isinstance(requirement, Url) or not package.policy.targets:
            continue
        concerned = [one for one in package.policy.targets if one.wants(requirement.marker)]
        if concerned and not any(serves(requirement, target) for target in concerned):
            yield (
                f"{requirement.origin}: {name_of_url(requirement)} is a wheel that no target accepts"
                f" ({', '.join(map(str, concerned))})"
            )


def undecided(reading: Reading) -> Iterator[str]:
    """Yield a warning for each requirement that a target needs with some patch versions of its Python only."""
    for package, requirement in requirements_of(reading):
        for target in package.policy.targets:
            if not target.decides(requirement.marker):
                minor = ".".join(map(str, target.python))
                yield (
                    f"{requirement.origin}: {requirement} is fetched for {target}, though not every Python {minor}"
                    f' needs it ({requirement.marker}): name an exact "python" to decide'
                )
                break


def contradicting(reading: Reading) -> Iterator[str]:
    """Yield a warning for each requirement that pip refuses beside another one of its project in the same lock.

    Build requirements are never installed together. A lock with a scope was refused when it was read (PEP 751).
    """
    for package in reading.packages:
        for lock in package.locks:
            runtime = [one for one in lock.requirements if one.purpose is Purpose.RUNTIME]
            lines = Counter(one.project for one in runtime)
            if lock.scope is None:
                several = (one for one in runtime if lines[one.project] > 1)
                yield from _contradicting(several, package.policy.targets)


def _contradicting(requirements: Iterable[Requirement], targets: Iterable[Target]) -> Iterator[str]:
    machines: tuple[Target | None, ...] = tuple(targets) or (None,)
    first: dict[tuple[Target | None, str], Requirement] = {}
    for one in requirements:
        for target in machines:
            wanted = one.marker is None if target is None else target.wants(one.marker)
            other = first.setdefault((target, one.project), one) if wanted else one
            if _agree(one, other) or not (target is None or target.wants(one.marker, other.marker)):
                continue
            where = "everywhere" if target is None else f"for {target}"
            yield (
                f"{one.origin}: {one} and {other} at {other.origin} both hold {where}: both are fetched, and pip"
                " refuses to install the two together"
            )
            break


def _agree(one: Requirement, other: Requirement) -> bool:
    if isinstance(one, Pinned) and isinstance(other, Pinned):
        return same_version(one.version, other.version) or same_version(other.version, one.version)
    if isinstance(one, Url) and isinstance(other, Url):
        return one.url == other.url
    return isinstance(one, Git) and isinstance(other, Git) and (one.url, one.commit) == (other.url, other.commit)


def given_up_by_old_pips(reading: Reading, fetched: Iterable[Fetched], archives: Archives) -> tuple[str, ...]:
    """Return a warning for each pin that pip before 23.3 gives up for a newer release, and then refuses.

    One file of each requirement is asked what it requires, as far as it asks for extras: a wheel if there is one.
    """
    files: dict[Requirement, Fetched] = {}
    for one in fetched:
        if one.requirement not in files or not is_wheel(files[one.requirement].filename):
            files[one.requirement] = one
    affected = []
    for package in reading.packages:
        for lock in package.locks:
            there = (one for one in lock.requirements if one in files)
            dependencies = {one: found for one in there if (found := extra_dependencies(files[one]))}
            if lock.unconstrained and dependencies:
                affected.append((package.policy.targets, lock, dependencies))
    if not affected:
        return ()
    known_by = (_RULE, [_facts(targets, lock, dependencies) for targets, lock, dependencies in affected])

    def find() -> Iterable[str]:
        from cachi2ish.core.targets.extras import given_up, machines_of_old_pips  # noqa: PLC0415  (a second run knows it)

        warnings: dict[str, None] = {}
        for targets, lock, dependencies in affected:
            machines = [target.marker_environment for target in targets] or machines_of_old_pips()
            found = given_up(lock.requirements, lock.unconstrained, dependencies, machines)
            warnings.update((_of_old_pips(one), None) for one in found)
        return warnings

    return remembered_warnings(archives.recollection, "given up by old pips", known_by, find)


def _facts(targets: Iterable[Target], lock: Lock, dependencies: Mapping[Requirement, Iterable[str]]) -> object:
    """Return all that tells what old pips make of a lock."""
    loose = frozenset(lock.unconstrained)
    return list(map(repr, targets)), [
        (str(one), one.extras, one.marker, str(one.origin), one in loose, dependencies.get(one))
        for one in lock.requirements
    ]


def _of_old_pips(one: GivenUp) -> str:
    pin, extras = one.pin, ",".join(one.extras)
    if pin.extras:
        problem, cure = "names other extras, and stands behind it", ""
    else:
        problem = "names no extra"
        cure = f"write {pin.name}[{extras}]{str(pin).removeprefix(pin.name)}, as --no-strip-extras of uv does, or "
    return (
        f"{pin.origin}: {pin} {problem}, and {one.asker} at {one.asker.origin} requires {one.dependency}: with"
        " hashes, pip before 23.3 prefers the newest release to the pin, and refuses it;"
        f" {cure}install with --no-deps"
    )


def shares(reading: Reading, choices: Iterable[ChosenFiles], sizes: Mapping[str, int]) -> Shares:
    """Return what each target gets of ``choices`` and of the direct requirements of ``reading``.

    sizes: bytes of files that have arrived, by name; they are stronger than what an index states.
    """
    needs: dict[Target, dict[str, int | None]] = {
        target: {} for package in reading.packages for target in package.policy.targets
    }
    left: dict[str, int | None] = {}
    taken: set[str] = set()
    for choice in choices:
        taken.update(file.filename for file in choice.files)
        left.update((file.filename, file.size) for file in choice.left)
        for target, files in choice.by_target:
            needs[target].update((file.filename, file.size) for file in files)
    for package, requirement in requirements_of(reading):
        if not isinstance(requirement, Pinned):
            for target in package.policy.targets:
                if target.wants(requirement.marker) and serves(requirement, target):
                    needs[target][direct_name(requirement)] = None
    narrowed = any(package.policy.targets or package.policy.binary for package in reading.packages)
    not_taken = {name: size for name, size in left.items() if name not in taken}
    return Shares(
        by_target=tuple((target, _share(files, sizes)) for target, files in needs.items()),
        left=_share(not_taken, sizes) if narrowed else None,
        left_out=left_out(reading),
    )


def left_out(reading: Reading) -> tuple[Requirement, ...]:
    """Return the requirements that no package needs on any of its machines, in reading order."""
    needed = {one for package, one in requirements_of(reading) if package.policy.wants(one.marker)}
    everything = dict.fromkeys(one for _, one in requirements_of(reading))
    return tuple(one for one in everything if one not in needed)


def requirements_of(reading: Reading) -> Iterator[tuple[SourcePackage, Requirement]]:
    """Yield all requirements in reading order, each with its package."""
    return ((package, one) for package in reading.packages for lock in package.locks for one in lock.requirements)


def _share(files: Mapping[str, int | None], sizes: Mapping[str, int]) -> Share:
    found = [sizes.get(name, size) for name, size in files.items()]
    known = [size for size in found if size is not None]
    return Share(len(found), sum(known), len(found) - len(known))


def serves(requirement: Url | Git, target: Target) -> bool:
    """Return whether the file at an address can be used on ``target``."""
    name = direct_name(requirement)
    return not is_wheel(name) or target.rank(wheel_tags(name)) is not None  # an archive serves everywhere


def direct_name(requirement: Url | Git) -> str:
    """Return what the file of a requirement with an address is called."""
    return name_of_url(requirement) if isinstance(requirement, Url) else name_of_git(requirement)
