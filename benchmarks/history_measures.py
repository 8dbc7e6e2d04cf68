"""What a filled history takes, each kind of figures in a process of its own; ``make bench-history`` runs it.

Prints one line of JSON. Processor time is that of this process, and for PostgreSQL that of the server besides.
Memory is the most that this process has had.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from benchmarks.failures import BenchmarkError
from benchmarks.history_filling import NAME, Cost, fill, observe
from benchmarks.history_watch import Figures, Watch, memory
from benchmarks.registry_shape import PYPI
from benchmarks.simulated_registry import Registry, Sighting
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import Address
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.instants import instant_of
from cachi2ish.simple_api.json_pages import write_json, write_json_list

#: Days that go by.
DAYS = 2

#: Pages that are asked for; those that have many files take longer.
_PAGES, _LARGE_PAGES = 2000, 400

#: Looks in vain that stand for those at all projects that have not changed.
_IN_VAIN = 5000

#: Pages that are written to know how large they are.
_SENT = 20_000

_TABLES_OF_SQLITE = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC"
_TABLES = """
    SELECT relname, pg_relation_size(oid) FROM pg_class
    WHERE relkind IN ('r', 'i') AND relnamespace = current_schema()::regnamespace ORDER BY 2 DESC
"""


def fill_all(history: SqlHistory, registry: Registry) -> Figures:
    """Look at everything for the first time, or at what an earlier run has left."""
    watch = Watch()
    with watch.running():
        cost = fill(history, registry)
    found: Figures = {}
    if cost.added:
        found = {"a first look: ms of a processor": cost.seconds / cost.looks * 1000, **memory("to fill")}
    if cost.looks == registry.shape.projects:
        found |= watch.figures("to fill")  # else it is not known what an earlier run has taken
    return found


def sizes(history: SqlHistory, registry: Registry) -> Figures:
    """Return the bytes of the database, and of each table and index."""
    size = history.status(0).size
    with history._database.reading() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
        tables = connection.execute(text(_TABLES_OF_SQLITE if on_sqlite else _TABLES)).all()
    return {
        "database: MB": size / 1e6,
        "database: bytes of a file": size / registry.shape.files,
        **{f"{name}: MB": each / 1e6 for name, each in tables if each > size / 200},
    }


def traffic(_history: SqlHistory, registry: Registry) -> Figures:
    """Write some pages as an upstream sends them: JSON, and gzip."""
    step = max(1, registry.shape.projects // _SENT)
    plain = packed = count = 0
    for number in range(0, registry.shape.projects, step):
        body = write_json(registry.page(number))
        plain, packed, count = plain + len(body), packed + len(zlib.compress(body, 6)), count + 1
    return {
        "a page as it is sent: kB of JSON, mean": plain / count / 1e3,
        "the same: kB of gzip": packed / count / 1e3,
    }


def pages(history: SqlHistory, registry: Registry) -> Figures:
    """Ask for pages as of a date in the life of each project: of any, and of those that have many files."""
    chance = random.Random(7)
    some = range(registry.shape.projects)
    return {
        **_pages(history, registry, chance, "a page", _PAGES, lambda: chance.choice(some)),
        **_pages(
            history, registry, chance, "the page of any file", _LARGE_PAGES, lambda: registry.any_file(chance)
        ),
    }


def _pages(
    history: SqlHistory,
    registry: Registry,
    chance: random.Random,
    what: str,
    count: int,
    choose: Callable[[], int],
) -> Figures:
    here: list[float] = []
    clock: list[float] = []
    everywhere = 0.0
    for _ in range(count):
        number = choose()
        first = registry.first_upload(number)
        cutoff = Cutoff(first + (registry.shape.until - first) * chance.random())
        name, watch = registry.name(number), Watch()
        with watch.running():
            began = time.thread_time()
            history.page(NAME, name, cutoff)
            here.append((time.thread_time() - began) * 1000)
        clock.append(watch.clock * 1000)
        everywhere += watch.seconds
    found = {f"{what}: ms of a processor, mean": everywhere / count * 1000}
    for share in (50, 99):
        place = count * share // 100
        found[f"{what}: ms of a processor here, p{share}"] = sorted(here)[place]
        found[f"{what}: ms by the clock, p{share}"] = sorted(clock)[place]
    return found


def lists(history: SqlHistory, registry: Registry) -> Figures:
    """List all projects, as they are and as of a date, and write the list."""
    watch, then = Watch(), Watch()
    with watch.running():
        found = history.projects(NAME, None)
        size = len(write_json_list(dict.fromkeys(found)))
    with then.running():
        history.projects(NAME, Cutoff(registry.shape.until - timedelta(days=1000)))
    return {
        **watch.figures("list of projects"),
        **then.figures("list of projects as of a date"),
        "list of projects: MB of JSON": size / 1e6,
        **memory("lists"),
    }


def status(history: SqlHistory, registry: Registry) -> Figures:
    """Count what is known."""
    watch = Watch()
    with watch.running():
        known = history.status(instant_of(registry.shape.until))
    return {**watch.figures("status"), "files": known.files, "projects": known.projects[NAME], **memory("status")}


def freeze(history: SqlHistory, registry: Registry) -> Figures:
    """Freeze the last day that all first looks have closed."""
    watch, before = Watch(), history.status(0).size
    with watch.running():
        day = history.freeze(
            NAME, Cutoff(registry.shape.until - timedelta(days=1)), instant_of(registry.shape.until)
        )
    if day.provisional:
        raise BenchmarkError(f"{day.provisional} projects have not been looked at")
    found = {**watch.figures("freeze"), "freeze: pages": day.projects, **memory("freeze")}
    if added := history.status(0).size - before:
        found["freeze: MB of database"] = added / 1e6
    return found


def verify(history: SqlHistory, registry: Registry) -> Figures:
    """Look through everything."""
    watch = Watch()
    with watch.running():
        problems = history.verify()
    if problems:
        raise BenchmarkError(f"the history of {registry.shape.projects} projects is wrong: {problems[:3]}")
    return {**watch.figures("verify"), **memory("verify")}


class _Sent:
    """Sightings on their way, of which the pages are written as an upstream sends them.

    size: of all pages, in bytes. seconds: of a processor, for making pages and writing them.
    """

    def __init__(self, sightings: Iterator[Sighting]) -> None:
        self._sightings = sightings
        self.size = 0
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Sighting]:
        while True:
            began = time.thread_time()
            one = next(self._sightings, None)
            if one is not None and isinstance(one.answer, Page):
                self.size += len(write_json(one.answer))
            self.seconds += time.thread_time() - began
            if one is None:
                return
            yield one


def days(history: SqlHistory, registry: Registry) -> Figures:
    """Let two days go by: looks at all that has changed, and at some of what has not."""
    changed, vain, watch, watch_vain = Cost(), Cost(), Watch(), Watch()
    grown = grown_in_vain = events = size = 0
    making = 0.0
    for _ in range(DAYS):
        tally, sightings = registry.day()
        sent, before = _Sent(sightings), history.status(0).size
        with watch.running():
            changed.add(observe(history, sent))
        between = history.status(0).size
        with watch_vain.running():
            vain.add(observe(history, registry.in_vain(_IN_VAIN)))
        events, size, making = events + tally.events, size + sent.size, making + sent.seconds
        grown += between - before
        grown_in_vain += history.status(0).size - between
    return {
        "a day: events": events / DAYS,
        "a day: projects that have changed": changed.looks / DAYS,
        "a day: files that are new": changed.added / DAYS,
        "a day: files that have vanished": changed.vanished / DAYS,
        "a day: MB of JSON of the pages that have changed": size / DAYS / 1e6,
        "a day: MB of database": grown / DAYS / 1e6,
        "a look that shows a change: ms of a processor": (watch.seconds - making) / changed.looks * 1000,
        "a look in vain: ms of a processor": watch_vain.seconds / vain.looks * 1000,
        "a look in vain: bytes of database": grown_in_vain / vain.looks,
        **memory("a day"),
    }


KINDS: dict[str, Callable[[SqlHistory, Registry], Figures]] = {
    "fill": fill_all,
    "sizes": sizes,
    "traffic": traffic,
    "pages": pages,
    "lists": lists,
    "status": status,
    "freeze": freeze,
    "days": days,
    "verify": verify,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("place", help="the file of SQLite, or the address of PostgreSQL")
    parser.add_argument("projects", type=int)
    parser.add_argument("--days-before", type=int, default=0, help="days that have gone by already")
    given = parser.parse_args()
    place: HistoryPlace = Address(given.place) if "://" in given.place else Path(given.place)
    registry = Registry(PYPI.of(given.projects))
    for _ in range(given.days_before):
        registry.day()
    with SqlHistory(place) as history:
        print(json.dumps(KINDS[given.kind](history, registry)))


if __name__ == "__main__":
    main()
