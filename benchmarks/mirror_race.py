"""How fast the mirror is, beside nginx, devpi, proxpi and pypi-timemachine: ``make bench-mirror``.

One made-up index on loopback, behind nginx; all servers run side by side, and are asked one after another, in a
shuffled order, in several rounds. What counts are ratios within a round, which depend little on the machine and on
who else uses it. Needs nginx and wrk; asks PyPI once, for the peers.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from benchmarks.failures import BenchmarkError
from benchmarks.race_table import Found
from benchmarks.rivals import Rival, install, running

_WHEELS = 200
_VERSIONS = 60  # on each page
_BYTES = 60_000  # of each wheel
_HEAVY = 20_000_000  # bytes of the one large file
_CONNECTIONS = 32
_FIRST = 20  # pages of which nobody has heard, in each round
_INSTALLS = 2  # in each round; the faster one counts

_TIME = "2024-01-{:02}T10:00:00Z"
_SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}

Measure = Callable[[Rival, int], "Measured"]

#: What has to be left of the time at the start of a round, in lengths of the longest one so far.
_ROOM = 1.1


def make_site(site: Path, rounds: int) -> None:
    """Write the index: wheels that one project asks for, a large one, and pages to be seen for the first time."""
    names = [f"plum-{number:03}" for number in range(_WHEELS)]
    for name in names:
        _write_project(site, name, _wheel(name, os.urandom(_BYTES)))
    _write_project(site, "heavy", _wheel("heavy", os.urandom(_HEAVY)))
    _write_project(site, "orchard", _wheel("orchard", b"", names))
    for number in range(rounds * _FIRST):
        _write_project(site, f"first-{number:04}", b"never asked for")
    listed = sorted(path.name for path in (site / "simple").iterdir())
    links = "".join(f'<a href="{name}/">{name}</a>\n' for name in listed)
    (site / "simple/index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}</body></html>\n")
    index = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in listed]}
    (site / "simple/index.json").write_text(json.dumps(index))


def _wheel(name: str, filling: bytes, needs: Sequence[str] = ()) -> bytes:
    stem = f"{name.replace('-', '_')}-1.0"
    needed = "".join(f"Requires-Dist: {one}\n" for one in needs)
    members = {
        f"{stem.rpartition('-')[0]}.bin": filling,
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needed}".encode(),
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    members[record] = "".join(f"{path},,\n" for path in (*members, record)).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in members.items():
            archive.writestr(path, content)
    return packed.getvalue()


def _write_project(site: Path, name: str, content: bytes) -> None:
    """Write one wheel, and the page with it and with many older ones, which nobody asks for."""
    stem = name.replace("-", "_")
    files: list[dict[str, Any]] = []
    for number in range(_VERSIONS):
        last = number == _VERSIONS - 1
        filename = f"{stem}-{'1.0' if last else f'0.{number}'}-py3-none-any.whl"
        body = content if last else filename.encode()
        files.append(
            {
                "filename": filename,
                "url": f"../../files/{filename}",
                "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
                "size": len(body),
                "requires-python": ">=3.8",
                "upload-time": _TIME.format(number % 28 + 1),
                "yanked": False,
            }
        )
    folder = site / "simple" / name
    folder.mkdir(parents=True)
    (site / "files").mkdir(exist_ok=True)
    (site / "files" / str(files[-1]["filename"])).write_bytes(content)
    versions = [f"0.{number}" for number in range(_VERSIONS - 1)] + ["1.0"]
    page = {"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files}
    (folder / "index.json").write_text(json.dumps(page))
    links = "".join(
        f'<a href="{one["url"]}#sha256={one["hashes"]["sha256"]}" data-requires-python="&gt;=3.8">'
        f"{one['filename']}</a><br>\n"
        for one in files
    )
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}</body></html>\n")


def fetched(url: str, accept: str = "text/html, */*;q=0.1") -> bytes:
    """Return what is there. Raises `BenchmarkError`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", parts.path, headers={"Accept": accept})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status in {301, 302, 307, 308}:
        return fetched(urljoin(url, answer.headers["location"]), accept)
    if answer.status != 200:
        raise BenchmarkError(f"{url} answers {answer.status}: {body[:200]!r}")
    return body


def file_of(rival: Rival, project: str) -> str:
    """Return the address that a server's own page has for the newest file."""
    page = fetched(rival.page(project)).decode()
    links = re.findall(r'href="([^"#]+)', page)
    link: str = next(one for one in links if "-1.0-py3" in one)
    return urljoin(rival.page(project), link.replace("&amp;", "&"))


def load(url: str, seconds: int) -> tuple[float, float]:
    """Return requests and bytes in a second. Raises `BenchmarkError`."""
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"]
    command += ["-H", "Accept: text/html", url]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise BenchmarkError("wrk makes the load, and is not here; on Debian: apt-get install wrk") from None
    if "Non-2xx" in said:
        raise BenchmarkError(f"{url} refuses: {said}")
    requests = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    transfer = re.search(r"Transfer/sec:\s+([0-9.]+)([KMG]?B)", said)
    assert requests
    assert transfer
    return float(requests[1]), float(transfer[1]) * _SIZES[transfer[2]]


@dataclass(frozen=True)
class Measured:
    """A figure. units: of work that was done for it: requests, gigabytes, pages, installs.

    processor: the seconds that the server took for them.
    """

    value: float
    units: float
    processor: float


@dataclass
class Race:
    """All measures of all servers. site: what nginx serves. folder: for what is installed."""

    site: Path
    folder: Path
    seconds: int
    found: Found = field(default_factory=Found)

    def warm_page(self, rival: Rival, _round: int) -> Measured:
        """Requests in a second for a page of 60 files, as HTML."""
        url = rival.page("plum-000")
        if rival.name == "nginx":
            url = urljoin(rival.index, "../same/page")
        fetched(url)
        before = rival.processor()
        rate, _ = load(url, self.seconds)
        return Measured(rate, rate * self.seconds, rival.processor() - before)

    def file(self, rival: Rival, _round: int) -> Measured:
        """Megabytes in a second of a file of 20 MB."""
        url = file_of(rival, "heavy")
        for _ in range(2):  # the second one finds it where it stays
            fetched(url)
        before = rival.processor()
        _, rate = load(url, self.seconds)
        return Measured(rate / 1e6, rate * self.seconds / 1e9, rival.processor() - before)

    def first_sight(self, rival: Rival, number: int) -> Measured:
        """Milliseconds, the median of twenty pages that nobody has asked for before."""
        took, before = [], rival.processor()
        for each in range(number * _FIRST, (number + 1) * _FIRST):
            began = time.perf_counter()
            fetched(rival.page(f"first-{each:04}"))
            took.append((time.perf_counter() - began) * 1000)
        return Measured(statistics.median(took), _FIRST, rival.processor() - before)

    def install(self, rival: Rival, number: int) -> Measured:
        """Seconds in which uv resolves and installs 201 wheels, from a server that has them all."""
        if number == 0:
            self._install(rival)
        before = rival.processor()
        took = min(self._install(rival) for _ in range(_INSTALLS))
        return Measured(took, _INSTALLS, rival.processor() - before)

    def _install(self, rival: Rival) -> float:
        target = self.folder / "target"
        shutil.rmtree(target, ignore_errors=True)
        command = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--no-cache"]
        command += ["--python", sys.executable, "--target", str(target), "--default-index", rival.index, "orchard"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
        environment |= {"UV_NO_CONFIG": "1", "NO_PROXY": "127.0.0.1"}
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
        count = len(list(target.glob("*.dist-info")))
        if done.returncode or count != _WHEELS + 1:
            raise BenchmarkError(f"uv installs {count} wheels from {rival.name}: {done.stderr[-1000:]}")
        return took

    def run(self, rivals: Sequence[Rival], rounds: int, seed: int, minutes: float) -> int:
        """Measure everything, so many times, or as often as there is time for; return how often that was."""
        mirror = next(one for one in rivals if one.name == "cachi2ish")
        same = self.site / "same"
        same.mkdir()
        (same / "page").write_bytes(fetched(mirror.page("plum-000")))
        chance = random.Random(seed)
        measures: list[Measure] = [self.warm_page, self.file, self.first_sight, self.install]
        begun, longest, done = time.monotonic(), 0.0, 0
        while done < rounds and time.monotonic() - begun + longest * _ROOM < minutes * 60:
            round_begun = time.monotonic()
            for measure in measures:
                for rival in chance.sample(list(rivals), len(rivals)):
                    one = measure(rival, done)
                    self.found.add(measure.__name__, rival.name, one.value, one.units, one.processor)
            done += 1
            longest = max(longest, time.monotonic() - round_begun)
            print(f"round {done} took {time.monotonic() - round_begun:.0f} s", file=sys.stderr, flush=True)
        for rival in rivals:
            self.found.add("memory", rival.name, rival.memory() / 1e6, 0, 0)
        return done


def main() -> int:
    # Whoever ends the benchmark ends the servers with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=7, help="after which no further round begins")
    parser.add_argument("--seconds", type=int, default=3, help="of load, for each figure")
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    default = Path(tempfile.gettempdir()) / "cachi2ish-peers"
    parser.add_argument("--peers", type=Path, default=default, help=f"environments of the peers ({default})")
    given = parser.parse_args()
    try:
        install(given.peers, lambda text: print(text, file=sys.stderr, flush=True))
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_site(folder / "site", given.rounds)
            race = Race(folder / "site", folder, given.seconds)
            with running(given.peers, folder / "site", folder) as rivals:
                count = race.run(rivals, given.rounds, given.seed, given.minutes)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} rounds, {os.cpu_count()} processors, {os.getloadavg()[1]:.1f} ran or waited at once")
    print(race.found.table())
    print()
    print(race.found.verdicts())
    return 0


if __name__ == "__main__":
    sys.exit(main())
