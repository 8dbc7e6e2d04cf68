"""Fills a history with a made-up registry, by the way that looks at a real one take, and lets days go by."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from benchmarks.simulated_registry import INDEX, Registry, Sighting
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import Registry as Rules

NAME = "pypi"
RULES = Rules(name=NAME, url=INDEX)

#: Threads that look: as many as the history writes down together, and as many as wait for their turn.
_LOOKERS = 40

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


def fill(history: SqlHistory, registry: Registry) -> Cost:
    """Look at each project for the first time; those that are known already are left out, but the last of them."""
    history.configure(RULES)
    # A few may have been on their way when an earlier run ended.
    start = max(0, history.status(0).projects[NAME] - 10 * _LOOKERS)
    return observe(history, (registry.sighting(number) for number in range(start, registry.shape.projects)))


def observe(history: SqlHistory, sightings: Iterable[Sighting]) -> Cost:
    """Write down what looks show; return what that has taken."""
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
            with counting:
                cost.add(Cost(1, changes.added, changes.changed, len(changes.vanished), used))
                if cost.looks % _OFTEN == 0:
                    passed = time.monotonic() - began
                    print(f"{cost.looks:,} looks in {passed:,.0f} s", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(_LOOKERS) as pool:
        for done in [pool.submit(work) for _ in range(_LOOKERS)]:
            done.result()
    return cost
