"""Looks once at all that is due, and fetches what has vanished, without a server."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cachi2ish.errors import InputError
from cachi2ish.mirror.accepted import Acceptances
from cachi2ish.mirror.following import Follower
from cachi2ish.mirror.held.relay import Relay
from cachi2ish.mirror.looking import Lookout
from cachi2ish.mirror.records import Due, now_in_microseconds
from cachi2ish.mirror.rooms import Rooms
from cachi2ish.mirror.upstream import Upstream

#: Threads that read the history, that wait for upstreams, and that bring files.
_READERS, _ASKERS, _CARRIERS = 4, 8, 4


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of a sync. looks: how many were made. complete: whether nothing is due any more.

    refusing: registries that have not shown what a look before has seen.
    """

    looks: int
    complete: bool
    refusing: tuple[str, ...]


def sync(rooms: Rooms) -> Synced:
    """Look at all projects that are due.

    The rules of the registries hold from now on. What an upstream does not answer is still due then. Raises
    `InputError` where a server does this already.
    """
    if not rooms.history.claim_following():
        raise InputError("a server follows the projects of this mirror already", hint="there is nothing to do")
    for registry in rooms.registries.values():
        rooms.history.configure(registry)
    return asyncio.run(_sync(rooms))


async def _sync(rooms: Rooms) -> Synced:
    readers, askers = ThreadPoolExecutor(_READERS, "read"), ThreadPoolExecutor(_ASKERS, "ask")
    carriers = ThreadPoolExecutor(_CARRIERS, "carry")
    relay = Relay(carriers, lambda *_: None)
    looks: list[tuple[str, str]] = []
    upstream = Upstream(rooms.http, rooms.addresses, now_in_microseconds)
    # A private registry lets the mirror in only where it has credentials of its own.
    names = [
        name
        for name, one in rooms.registries.items()
        if not one.private or rooms.addresses[name].split_userinfo()[1]
    ]
    store = rooms.file_store(relay, readers, rooms.sharing(lambda _use, _outcome: None))
    vanished = asyncio.Event()
    lookout = Lookout(
        history=rooms.history,
        upstream=upstream,
        registries=rooms.registries,
        acceptances=Acceptances(time.monotonic),
        hidden_from=rooms.hidden_from,
        executor=askers,
        clock=time.monotonic,
        on_look=lambda registry, how: looks.append((registry, how)),
        on_vanished=vanished.set,
    )
    follower = Follower(
        history=rooms.history,
        registries=names,
        lookout=lookout,
        upstream=upstream,
        store=store,
        executor=readers,
        now=now_in_microseconds,
        on_rescue=lambda _held: None,
        vanished=vanished,
    )
    try:
        first = _first_due(rooms, names)
        while first:
            await follower.round()
            before, first = first, _first_due(rooms, names)
            if before == first:
                break  # the upstream does not answer
        await follower.round()  # files that have vanished are fetched
        await store.tend()
        refusing = {registry for registry, how in looks if how == "refused"}
        return Synced(len(looks), not _first_due(rooms, names), tuple(sorted(refusing)))
    finally:
        await relay.stop()
        for executor in (readers, askers, carriers):
            executor.shutdown(wait=False, cancel_futures=True)


def _first_due(rooms: Rooms, names: list[str]) -> list[Due]:
    """Return what has waited longest in each registry."""
    now = now_in_microseconds()
    return [due for name in names for due in rooms.history.due(name, now, 1)]
