"""Fills a history with a made-up registry, by the way that looks at a real one take, and lets days go by."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from benchmarks.simulated_registry import INDEX, Registry, Sighting
from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import Changes
from cachi2ish.mirror.records import Registry as Rules

NAME = "pypi"
RULES = Rules(name=NAME, url=INDEX)

#: First looks that are given at once: as many as a server puts into one transaction.
_TOGETHER = 20

#: Looks that are under way at once on a day, as a server that follows projects has them.
_LOOKERS = 4

#: Looks between two lines that say how far it is.
_OFTEN = 10_000


@dataclass(slots=True)
class Cost:
    """What looks have taken. seconds: of a processor, in the process that writes them down, and nothing else."""

    looks: int = 0
    added: int = 0
    changed: int = 0
    vanished: int = 0
    seconds: float = 0.0

    def add(self, other: Cost) -> None:
        """Add what other looks have taken."""
        self.looks += other.looks
        self.added += other.added
        self.changed += other.changed
        self.vanished += other.vanished
        self.seconds += other.seconds

    def count(self, changes: Changes) -> None:
        """Count one look."""
        self.looks += 1
        self.added += changes.added
        self.changed += changes.changed
        self.vanished += len(changes.vanished)


def fill(history: SqlHistory, registry: Registry) -> Cost:
    """Look at each project for the first time; those that are known already are left out.

    One thread writes down twenty looks at once, as one of a server's does while nineteen others wait for it: on a
    machine with other work, waking them would take most of the time.
    """
    history.configure(RULES)
    start = history.status(0).projects[NAME]
    cost, began = Cost(), time.monotonic()
    sightings = (registry.sighting(number) for number in range(start, registry.shape.projects))
    for some in in_batches(sightings, _TOGETHER):
        used = time.thread_time()
        found = history.observe_many(NAME, ((one.project, one.answer, one.look) for one in some))
        cost.seconds += time.thread_time() - used
        for changes in found:
            cost.count(changes)
            _tell(cost, began)
    return cost


def observe(history: SqlHistory, sightings: Iterable[Sighting]) -> Cost:
    """Write down what looks show, as a server does; return what that has taken."""
    cost, rest = Cost(), iter(sightings)
    taking, counting = Lock(), Lock()
    began = time.monotonic()

    def work() -> None:
        while True:
            with taking:
                one = next(rest, None)
            if one is None:
                return
            start = time.thread_time()
            changes = history.observe(NAME, one.project, one.answer, one.look)
            used = time.thread_time() - start
            del one  # the page of a large project must not wait for the next one
            with counting:
                cost.seconds += used
                cost.count(changes)
                _tell(cost, began)

    with ThreadPoolExecutor(_LOOKERS) as pool:
        for done in [pool.submit(work) for _ in range(_LOOKERS)]:
            done.result()
    return cost


def _tell(cost: Cost, began: float) -> None:
    if cost.looks % _OFTEN == 0:
        print(f"{cost.looks:,} looks in {time.monotonic() - began:,.0f} s", file=sys.stderr, flush=True)
