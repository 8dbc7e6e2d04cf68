"""Prefetches that are killed at any instant, and many at once over one cache: what is left is always right.

Every round's choices come from one seed, which is printed; SOAK_SEED=… repeats them (not the instants, which the
machine has a part in). Forty runs are killed; with SOAK_ROUNDS=200, two hundred.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import BIN, clean_environment

from tests.support.distributions import Dist, make_sdist
from tests.support.index_server import IndexServer, Request

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "40"))
KILLERS = 4  # at once, each with a cache of its own
ROUNDS_OF_A_CACHE = 5

CROWDS = 5
CROWD = 8  # processes that share a cache
KILLED = 3  # of them

PIECE = 32 * 1024  # bytes that a server sends at once
PAUSE = 0.006  # seconds between two pieces

#: Many that come in one piece, some in ten, and two in fifty: a run takes about a second.
SIZES = (*(1_000 * number for number in range(14)), 300_000, 310_000, 320_000, 1_500_000, 1_700_000)
DISTS = {f"pear{number}": make_sdist(f"pear{number}", "1.0", padding=size) for number, size in enumerate(SIZES)}

LONGEST = 120  # seconds; a run that is not killed takes one or two


@pytest.fixture(scope="module")
def seed() -> str:
    chosen = os.environ.get("SOAK_SEED") or str(random.SystemRandom().randrange(2**32))
    print(f"SOAK_SEED={chosen}")  # noqa: T201  (pytest shows it with a failure)
    return chosen


class SlowIndex(IndexServer):
    """Sends large files little by little, and tells when so many pieces have gone out."""

    def __init__(self) -> None:
        super().__init__()
        self._server.pieces = self._slowly
        self._counting = threading.Lock()
        self._sent = 0
        self._alarm: tuple[int, threading.Event] | None = None
        for name, dist in DISTS.items():
            self.add(name, dist)

    def alarm(self, pieces: int) -> threading.Event:
        """Return what is set after so many more pieces."""
        rung = threading.Event()
        with self._counting:
            self._alarm = self._sent + pieces, rung
        return rung

    def _slowly(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), PIECE):
            if start:
                time.sleep(PAUSE)
            yield body[start : start + PIECE]
            with self._counting:
                self._sent += 1
                if self._alarm and self._sent >= self._alarm[0]:
                    self._alarm[1].set()


@dataclass
class Run:
    """One prefetch of some projects. Its requests are told from those of others by a user name."""

    user: str
    projects: Sequence[str]
    index: SlowIndex
    cache: Path
    place: Path
    process: subprocess.Popen[str] = field(init=False)
    told: str = ""

    def __post_init__(self) -> None:
        source = self.place / "source"
        source.mkdir(parents=True, exist_ok=True)
        # Half of the locks name digests, so that a page may be left out; for the others the index is asked.
        lines = (
            f"{name}==1.0 {DISTS[name].hash_option()}\n" if len(self.projects) % 2 else f"{name}==1.0\n"
            for name in self.projects
        )
        (source / "requirements.txt").write_text("".join(lines))

    @property
    def output(self) -> Path:
        return self.place / "out"

    def start(self) -> None:
        places = ("--source", self.place / "source", "--output", self.output, "--cache-dir", self.cache)
        address = self.index.index_url.replace("://", f"://{self.user}:secret@")
        self.process = subprocess.Popen(
            [str(part) for part in (BIN / "cachi2ish", "fetch-deps", *places, "pip")],
            env={**clean_environment(), "PIP_INDEX_URL": address, "NO_PROXY": "127.0.0.1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> bool:
        """End the process as a machine that loses its power would; return whether it was still running."""
        self.process.kill()
        self.process.communicate()
        return self.process.returncode < 0

    def finish(self) -> None:
        _, self.told = self.process.communicate(timeout=LONGEST)
        assert self.process.returncode == 0, self.told

    def file_requests(self) -> list[Request]:
        whose = "Basic " + base64.b64encode(f"{self.user}:secret".encode()).decode()
        return [
            request
            for request in self.index.requests
            if request.path.startswith("/files/") and request.headers.get("authorization") == whose
        ]

    def check(self, held: Iterable[str] = ()) -> None:
        """The output is right, and no file was asked for twice, or although the cache had it (``held``)."""
        wanted = {DISTS[name].filename: DISTS[name].sha256 for name in self.projects}
        got = {path.name: sha256(path) for path in (self.output / "deps" / "pip").iterdir()}
        assert got == wanted, self.told
        assert {path.name for path in self.output.iterdir()} == {"deps", "bom.json", ".build-config.json"}
        assert {path.name for path in self.place.iterdir()} == {"source", "out"}
        times = Counter(request.path.removeprefix("/files/") for request in self.file_requests())
        assert set(times.values()) <= {1}, times
        assert not {DISTS[name].filename for name in self.projects if DISTS[name].sha256 in set(held)} & set(times)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def blobs(cache: Path) -> set[str]:
    """What the cache holds; every file of it is what its name says."""
    found = [path for path in (cache / "blobs" / "sha256").rglob("*") if path.is_file()]
    held = {sha256(path) for path in found}
    names = {"".join(path.relative_to(cache / "blobs" / "sha256").parts) for path in found}
    assert all(any(name.endswith(digest) for name in names) for digest in held)
    return held


def verify(cache: Path) -> None:
    done = subprocess.run(
        [str(BIN / "cachi2ish"), "cache", "verify", "--cache-dir", str(cache)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def some(chance: random.Random) -> list[str]:
    """Some projects, about two thirds of all."""
    return sorted(chance.sample(sorted(DISTS), chance.randint(len(DISTS) // 3, len(DISTS))))


class Killer:
    """Rounds of a prefetch that is killed and one that is not, one after the other."""

    def __init__(self, chance: random.Random, folder: Path, index: SlowIndex) -> None:
        self._chance = chance
        self._folder = folder
        self._index = index
        self._longest = 2.0  # what a run takes, from what runs have taken
        self.killed = 0
        self.resumed = 0

    def rounds(self, number: int) -> None:
        """Go on until so many runs were killed; some come to their end before."""
        count = 0
        while self.killed < number:
            cache = self._folder / f"cache{count // ROUNDS_OF_A_CACHE}"
            self._round(count, cache)
            count += 1
            if count % ROUNDS_OF_A_CACHE == 0:
                verify(cache)
        assert count < 2 * number + 10, "too many runs end before they are killed: is something wrong here?"

    def _round(self, count: int, cache: Path) -> None:
        place, projects = self._folder / f"place{count}", some(self._chance)
        self.killed += self._kill(Run(f"killed{count}", projects, self._index, cache, place))
        held = blobs(cache)
        whole = Run(f"whole{count}", projects, self._index, cache, place)
        since = time.monotonic()
        whole.start()
        whole.finish()
        self._longest = (self._longest + time.monotonic() - since) / 2
        whole.check(held)
        assert held <= blobs(cache)
        self.resumed += sum("range" in request.headers for request in whole.file_requests())

    def _kill(self, run: Run) -> bool:
        """Kill it at a random instant, or after a random number of pieces and a little while."""
        held = blobs(run.cache)
        missing = [DISTS[name] for name in run.projects if DISTS[name].sha256 not in held]
        if not missing or self._chance.random() < 0.5:
            run.start()
            time.sleep(self._chance.uniform(0, self._longest))
        else:
            pieces = sum(len(dist.content) // PIECE + 1 for dist in missing)
            rung = self._index.alarm(self._chance.randint(1, pieces))
            run.start()
            while run.process.poll() is None and not rung.wait(0.02):
                pass
            time.sleep(self._chance.choice((0.0, 0.01, 0.1, 0.2)))
        return run.kill()


def test_a_run_that_was_killed_at_any_instant_leaves_what_the_next_one_needs(seed: str, tmp_path: Path) -> None:
    killers = []

    def kill(number: int) -> None:
        folder = tmp_path / f"killer{number}"
        folder.mkdir()
        with SlowIndex() as index:
            killer = Killer(random.Random(f"{seed}/{number}"), folder, index)
            killers.append(killer)
            killer.rounds(ROUNDS // KILLERS)

    with ThreadPoolExecutor(KILLERS) as pool:
        for result in [pool.submit(kill, number) for number in range(KILLERS)]:
            result.result()

    resumed = sum(one.resumed for one in killers)
    print(f"{resumed} files were taken up again")  # noqa: T201
    assert resumed > 0


def test_processes_that_share_a_cache_do_not_disturb_each_other(seed: str, tmp_path: Path) -> None:
    chance = random.Random(f"{seed}/crowd")
    with SlowIndex() as index:
        for count in range(CROWDS):
            folder = tmp_path / f"crowd{count}"
            cache = folder / "cache"
            runs = [
                Run(f"crowd{count}-{number}", some(chance), index, cache, folder / f"place{number}")
                for number in range(CROWD)
            ]
            for run in runs:
                run.start()
            killed = chance.sample(runs, KILLED)
            for run in killed:
                time.sleep(chance.uniform(0, 1.5))
                run.kill()
            for run in runs:
                if run not in killed:
                    run.finish()
                    run.check()
            blobs(cache)
            again = [Run(f"{run.user}-again", run.projects, index, cache, run.place) for run in killed]
            held = blobs(cache)
            for run in again:
                run.start()
            for run in again:
                run.finish()
                run.check(held)
            verify(cache)


def test_the_files_are_what_the_soak_needs() -> None:
    dists: list[Dist] = list(DISTS.values())
    assert len({dist.sha256 for dist in dists}) == len(dists)
    assert max(len(dist.content) for dist in dists) > 40 * PIECE
