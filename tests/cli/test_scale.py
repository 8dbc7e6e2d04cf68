"""What grows with the number of packages, and what does not: counted, without a clock."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from cachi2ish.cli.display.console import Console, Level
from cachi2ish.cli.display.progress_line import LiveLine
from cachi2ish.cli.display.reporting import LiveReporter
from cachi2ish.core.pages import IndexFile
from cachi2ish.services.progress import Arrival, Doing
from tests.cli.conftest import Person
from tests.support.clocks import Clock
from tests.support.distributions import Dist, make_sdist
from tests.support.program import PROGRAM, environment, weigh

FEW, MANY = 20, 200

#: Files on each page, of which one is pinned.
LISTED = 20

#: Bytes of memory for each further package, of which there are some 20 kB today. That a page is kept, or what a
#: thread has used for one, would be several times as much.
MOST_FOR_ONE = 32_000

#: Connections of a run, whatever it fetches: one for each of its threads, and some that a server has closed.
MOST_CONNECTIONS = 60


@pytest.fixture
def trees(person: Person) -> list[Dist]:
    """Many small projects, each with a page of twenty files."""
    person.writes("pyproject.toml", '[project]\nname = "forest"\nversion = "1.0"\n')
    grown = []
    for number in range(MANY):
        name = f"tree{number}"
        grown.append(sdist := make_sdist(name, "1.0"))
        person.index.add(name, sdist)
        listed = person.index.add_project(name).files
        for minor in range(1, LISTED):
            filename = f"{name}-0.{minor}.tar.gz"
            hashes = (("sha256", f"{minor:064}"),)
            listed[filename] = IndexFile(filename=filename, url=f"../../files/{filename}", size=9, hashes=hashes)
    return grown


def peak_of(person: Person, dists: list[Dist]) -> int:
    """Fetch these into an output and a cache of their own; return the most bytes of memory."""
    pins = (f"{dist.filename.removesuffix('-1.0.tar.gz')}==1.0 {dist.hash_option()}\n" for dist in dists)
    person.writes("requirements.txt", "".join(pins))
    places = ("--source", person.source, "--output", person.home / f"out{len(dists)}")
    cache = ("--cache-dir", cache_of(person, dists))
    command = (*PROGRAM, "fetch-deps", *places, *cache, "pip")
    done, peak = weigh(command, environment(person.home, person.environ))
    assert done.returncode == 0, done.stderr
    return peak


def cache_of(person: Person, dists: list[Dist]) -> Path:
    return person.home / f"cache{len(dists)}"


def test_ten_times_the_packages_are_ten_times_the_requests_and_rows_and_no_more_connections(
    person: Person, trees: list[Dist]
) -> None:
    peaks = []
    for dists in (trees[:FEW], trees):
        opened = person.index.connections
        person.index.forget_requests()
        peaks.append(peak_of(person, dists))
        assert len(person.index.paths) == len(set(person.index.paths)) == 2 * len(dists)
        assert person.index.connections - opened <= MOST_CONNECTIONS
        info = person.runs("cache", "info", "--format", "json", "--cache-dir", cache_of(person, dists))
        held = json.loads(info.out)
        assert held["files"]["count"] == len(dists)
        assert held["catalogue"]["pages"] == len(dists)
        assert held["catalogue"]["recollections"] <= 2 * len(dists)
    few, many = peaks
    assert many - few <= (MANY - FEW) * MOST_FOR_ONE


def test_what_passes_through_a_cache_that_is_pruned_stays_below_its_limit_and_what_one_run_brings(
    person: Person,
) -> None:
    person.writes("pyproject.toml", '[project]\nname = "forest"\nversion = "1.0"\n')
    limit, runs, files, padding = 3_000_000, 5, 4, 500_000
    brought = files * (padding + 10_000)
    cache, blobs = person.home / "cache", person.home / "cache" / "blobs"
    for number in range(runs):
        dists = {
            f"log{number}-{file}": make_sdist(f"log{number}-{file}", "1.0", padding=padding)
            for file in range(files)
        }
        for name, dist in dists.items():
            person.index.add(name, dist)
        pins = (f"{name}==1.0 {dist.hash_option()}\n" for name, dist in dists.items())
        person.writes("requirements.txt", "".join(pins))
        assert person.fetches("pip", "--cache-dir", cache).code == 0
        assert person.deps() == sorted(dist.filename for dist in dists.values())
        assert size_of(cache) <= limit + brought
        assert person.runs("cache", "prune", "--max-size", "3MB", "--cache-dir", cache).code == 0
        assert size_of(cache) <= limit
    # The latest run's files are not what had to go.
    assert size_of(blobs) >= files * padding
    assert runs * files * padding > 3 * limit


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


class CountedStream(io.StringIO):
    """A terminal that counts what is written to it."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def test_the_line_is_written_when_it_is_looked_at_and_not_for_each_of_thousands_of_files() -> None:
    clock, stream = Clock(), CountedStream()
    live = LiveReporter(Console(Level.INFO, colours=False), LiveLine(stream), clock)
    live.stage(Doing("transfer"))
    files, looks = 5_000, 100
    for number in range(files):
        live.progress.add_file(1_000)
        with live.progress.under_way(f"f{number}"):
            for _ in range(4):
                live.progress.advance(250)
            live.arrived(
                Arrival(
                    filename=f"f{number}",
                    size=1_000,
                    sha256="0" * 64,
                    cached=False,
                    received=1_000,
                    announced=True,
                    host="files.test",
                )
            )
        if number % (files // looks) == 0:
            clock.now += 0.25
            live.look()
    live.finish()
    assert looks / 2 < stream.writes <= looks + 2  # and that of the stage, and the end
