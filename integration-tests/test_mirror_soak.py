"""Mirrors that are killed, that lie upon a full disk, and that share a store serve what is right, and stay small.

``mirror_soak.py`` does the first for hours.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import cannot_run
from mirror_soak import MirrorProcess, Seen, ask, soak

from tests.support.distributions import Dist
from tests.support.index_server import IndexServer

#: What is certainly killed, and what is not killed any more, however little clients have seen until then.
KILLS, MOST_KILLS = 50, 500

#: Files that the upstream lists at the beginning.
FIRST_FILES = 84


def test_two_mirrors_on_one_store_are_killed_fifty_times_and_serve_nothing_wrong(tmp_path: Path) -> None:
    seed = os.environ.get("SOAK_SEED", "1")

    def enough(seen: Seen) -> bool:
        return len(seen.for_ever) > 30 and seen.counts["files"] > 100 and len(seen.files) > FIRST_FILES

    seen = soak(MOST_KILLS, seed, tmp_path, lambda kills, seen: kills < KILLS or not enough(seen))
    told = f"SOAK_SEED={seed}: {len(seen.for_ever)} pages of closed days, {len(seen.files)} files, {seen.counts}"
    assert seen.wrong == [], told
    assert enough(seen), told


@pytest.fixture
def small_disk(tmp_path: Path) -> tuple[Path, tuple[str, ...]]:
    """A folder, and the command within which it is a file system of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ("--mount", "sh", "-c", 'mount -t tmpfs -o size=16m none "$0" && exec "$@"', str(folder))
    for within in (("unshare", *mounting), ("unshare", "--map-root-user", *mounting)):
        if subprocess.run([*within, "true"], capture_output=True, check=False).returncode == 0:
            return folder, within
    return cannot_run("no file system can be mounted: it takes Linux, unshare and the right to use it")


def test_a_full_disk_stops_what_is_new_and_nothing_that_is_there(
    small_disk: tuple[Path, tuple[str, ...]],
) -> None:
    folder, within = small_disk
    dists = [Dist(f"pear{number}-1.0.tar.gz", os.urandom(1_000_000)) for number in range(3)]
    with IndexServer() as index:
        for number, dist in enumerate(dists):
            index.add(f"pear{number}", dist, upload_time="2023-05-01T10:00:00+00:00")
        mirror = MirrorProcess(folder / "mirror", index, *within)
        client = http.client.HTTPConnection("127.0.0.1", mirror.port, timeout=60)
        pages = [f"/2023-06-01/simple/pear{number}/" for number in range(3)]
        files = [f"/files/{dist.sha256}/{dist.filename}" for dist in dists]
        first = ask(client, pages[0])[2]
        ask(client, pages[1])
        assert ask(client, files[0])[2] == dists[0].content

        ballast = Path(f"/proc/{mirror.number}/root/{folder}/ballast")
        fill(ballast)
        for _ in range(2):
            status, _, told = ask(client, files[1])
            assert (status, b"has room for" in told) == (507, True)
            status, _, told = ask(client, pages[2])
            assert (status, b"full" in told) in {(503, True), (507, True)}, told
            assert ask(client, pages[0])[2] == first
            assert ask(client, files[0])[2] == dists[0].content

        ballast.unlink()
        assert ask(client, files[1])[2] == dists[1].content
        assert ask(client, pages[2])[0] == 200
        assert ask(client, files[2])[2] == dists[2].content
        client.close()
        mirror.end()


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    small, large = (Dist(f"pear-{size}.0.tar.gz", os.urandom(size * 1_000_000)) for size in (1, 120))
    with IndexServer() as index:
        for dist in (small, large):
            index.add("pear", dist, upload_time="2023-05-01T10:00:00+00:00")
        mirror = MirrorProcess(tmp_path / "mirror", index)
        client = http.client.HTTPConnection("127.0.0.1", mirror.port, timeout=60)
        ask(client, "/2023-06-01/simple/pear/")
        peaks = []
        for dist in (small, large, large):  # the last one is from the disk
            assert ask(client, f"/files/{dist.sha256}/{dist.filename}")[2] == dist.content
            (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{mirror.number}/status").read_text())
            peaks.append(int(line) * 1024)
        client.close()
        mirror.end()
    assert peaks[2] - peaks[0] < 30_000_000, peaks


def fill(path: Path) -> None:
    """Write until there is no room for one more byte."""
    with path.open("wb", buffering=0) as file:
        for size in (100_000, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
