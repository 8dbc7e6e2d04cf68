"""Files at a host that is gone: another index serves them, and the digests of the lock say which they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from cachi2ish.core.digests import any_strong
from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.requirements import Indexes, Pinned, Requirement, Url
from cachi2ish.core.urls import Address, host_of
from cachi2ish.errors import Cachi2ishError, LockFileError, raise_all
from cachi2ish.lockfiles.interface import Lock


def with_moved_files(lock: Lock, moved: Mapping[str, Address], on_message: Callable[[str], None]) -> Lock:
    """Return a lock whose pins with files at a host of ``moved`` are looked for on its index, and on no other.

    moved: the index by the host. on_message: is given what is odd, a sentence. Raises `LockFileError` for each of
    them of which the lock has no strong digest, and for one whose files have moved to two indexes.
    """
    there = _hosts(lock.requirements) if moved else frozenset[str]()
    for host in moved:
        if host not in there:
            hint = did_you_mean(host, sorted(there), f"they are at {', '.join(sorted(there)) or 'no host'}")
            on_message(f"{lock.file} names no file at {host}, which is said to have moved: {hint}")
    if there.isdisjoint(moved):
        return lock
    found: list[Requirement] = []
    errors: list[Cachi2ishError] = []
    for one in lock.requirements:
        hosts = _hosts([one])
        here = [host for host in moved if host in hosts]  # in the order in which they were named
        if not here:
            found.append(one)
        elif len({moved[host] for host in here}) > 1:
            errors.append(_at_two_indexes(one, here, moved))
        elif isinstance(one, Pinned) and any_strong(one.digests):
            found.append(replace(one, files=(), indexes=Indexes((moved[here[0]],), alone=True)))
        else:
            errors.append(_not_found_elsewhere(one, here[0]))
    raise_all(errors)
    addresses = (*lock.index_urls, *moved.values())  # what they have of credentials is for them
    return replace(lock, requirements=tuple(found), index_urls=tuple(dict.fromkeys(addresses)))


def _hosts(requirements: Iterable[Requirement]) -> frozenset[str]:
    found: set[str] = set()
    for one in requirements:
        if isinstance(one, Pinned):
            found.update(host_of(file.url) for file in one.files)
        elif isinstance(one, Url):
            found.add(one.url.host)
    return frozenset(found)


def _at_two_indexes(one: Requirement, hosts: Sequence[str], moved: Mapping[str, Address]) -> LockFileError:
    where = ", ".join(f"{host} ({moved[host]})" for host in hosts)
    return LockFileError(
        f"{one} has files at hosts that have moved to different indexes: {where}",
        hint="name one index for them that has all these files",
        origin=one.origin,
    )


def _not_found_elsewhere(one: Requirement, host: str) -> LockFileError:
    if isinstance(one, Pinned):
        return LockFileError(
            f"{one} has files at {host}, which has moved, and no digest by which to know them elsewhere",
            hint="lock it again from the index that has it now",
            origin=one.origin,
        )
    return LockFileError(
        f"{one} is an archive at {host}, which has moved, and no index lists archives at addresses",
        hint="lock it again from an index, or from the address that it has now",
        origin=one.origin,
    )
