"""From the keys of the input that say which wheels to the policy of the package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cachi2ish.core.choose import Policy
from cachi2ish.core.requirements import Lock, Pinned
from cachi2ish.services.package_input import PackageInput


def policy_of(package: PackageInput) -> Policy:
    """Return what a package of the input allows, before its requirements files have their say."""
    if package.targets is not None:
        targets = tuple(dict.fromkeys(one.target() for one in package.targets))
        return Policy(wheels=True, targets=targets, every_wheel=package.wheels == "all-compatible")
    if package.binary is not None:
        return Policy(wheels=True, binary=package.binary.wheel_filter())
    return Policy(wheels=package.allow_binary)


def policy_warnings(package: PackageInput, place: str, locks: Iterable[Lock]) -> Iterator[str]:
    """Yield what a careful person should look at in the keys that say which wheels."""
    if package.binary is None:
        return
    if package.allow_binary:
        yield f'{place}: "binary" and "allow_binary" are both there: "binary" says which wheels, as in Hermeto'
    wheels = package.binary.wheel_filter()
    for sentence in wheels.unknown_words():
        yield f"{place}.{sentence}"
    asked = {one.project for lock in locks for one in lock.requirements if isinstance(one, Pinned)}
    for project in sorted((wheels.packages or frozenset()) - asked):
        yield f"{place}.binary.packages: no pinned requirement is called {project}"
