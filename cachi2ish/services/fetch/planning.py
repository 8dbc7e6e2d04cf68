"""The files of a plan: what is to be fetched, for which line and for which machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.digests import Digest, strong
from cachi2ish.core.requirements import Git, Pinned, Url
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.urls import Address
from cachi2ish.services.fetch.reading import Reading
from cachi2ish.services.fetch.targeting import direct_name, requirements_of, serves
from cachi2ish.services.progress import PlannedFile


def files_of_choice(choice: Choice) -> Iterator[PlannedFile]:
    """Yield the files that a pinned requirement has become."""
    requirement = choice.requirement
    for file, index in choice.listed:
        address = Address(file.url)
        yield PlannedFile(
            filename=file.filename,
            url=address.redacted,
            host=address.host,
            name=requirement.project,
            version=requirement.version,
            origin=requirement.origin,
            targets=tuple(one.target for one in choice.by_target if file in one.files),
            size=file.size,
            digests=_digests(file.digests, requirement),
            upload_time=file.upload_time,
            index=index or None,
        )


def files_of_direct(reading: Reading, wanted: Iterable[Url | Git]) -> Iterator[PlannedFile]:
    """Yield the file of each requirement with an address, with the targets of all packages that need it."""
    targets: dict[Url | Git, dict[Target, None]] = {requirement: {} for requirement in wanted}
    for package, requirement in requirements_of(reading):
        if not isinstance(requirement, Pinned) and requirement in targets:
            concerned = (one for one in package.policy.targets if one.wants(requirement.marker))
            targets[requirement] |= {one: None for one in concerned if serves(requirement, one)}
    for requirement, served in targets.items():
        yield PlannedFile(
            filename=direct_name(requirement),
            url=requirement.url.redacted,
            host=requirement.url.host,
            name=requirement.project,
            origin=requirement.origin,
            targets=tuple(served),
            digests=(requirement.digest,) if isinstance(requirement, Url) else (),
            commit=requirement.commit if isinstance(requirement, Git) else None,
        )


def _digests(of_index: frozenset[Digest], requirement: Pinned) -> tuple[Digest, ...]:
    """Return what the index says; where it says nothing strong, also what the lock allows, if that is one."""
    allowed = strong(requirement.digests)
    return tuple(sorted(of_index | allowed if len(allowed) == 1 and not strong(of_index) else of_index))
