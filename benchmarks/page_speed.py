"""How long the mirror takes to the first byte of each page for people, and how many bytes the page has.

    python -m benchmarks.page_speed [--rounds 100] [--starts 3] [--database postgresql]

One project has 500 versions and 10,000 files, one version 1,000 files; those of one are gone. Another one has
20,000 versions and 40,000 files, as the largest on PyPI, a third one 4,000 files of one version, and a lock pins
1,000 projects of 200 files each, once with fifteen digests for each pin. No upstream is asked. PostgreSQL is that
of the tests: Debian's, on loopback.

The server is started some times: of each page the first request after that is told apart, since nothing of a
project is in memory then; the worst counts. Of all other requests there are the time of half of them, of 99 of
100, and the worst. The processor's time is that of the server, to the first byte and to the end, the least of all
rounds: it is what a machine that does other work beside gives, too.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

from packaging.utils import NormalizedName

from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.mirror.history.engines.interface import HistoryPlace
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import DAY, SECOND, Gone, Look, Registry

BIG, HUGE, WIDE = NormalizedName("big"), NormalizedName("huge"), NormalizedName("wide")
PINNED = 1000
NOWHERE = "http://127.0.0.1:9/simple/"
BEGIN = datetime(2015, 1, 1, tzinfo=UTC)

PAGES = (
    "/",
    "/?date=2020-01-01",
    "/projects/big?date=2020-01-01",
    "/projects/big",
    "/projects/big?date=2020-01-01&page=4",
    "/projects/big/3.3.0?date=2020-01-01",
    "/projects/big/1.0.0?date=2020-01-01",
    "/diff?project=big&before=2019-12-01&after=2020-01-01",
    "/diff?project=big&before=2016-01-01&after=2024-01-01",
    "/projects/huge?date=2020-01-01",
    "/projects/huge/1.5.0",
    "/diff?project=huge&before=2019-12-01&after=2020-01-01",
    "/diff?project=huge&before=2016-01-01&after=2024-01-01",
    "/projects/wide/1.0.0",
    "/locks/diff?pins=big==3.3.0&before=2019-12-01&after=2020-01-01",
    "/locks/since?pins=big==3.3.0",
    "POST /locks/diff",
    "POST /locks/since",
    "HASHED /locks/diff",
    "HASHED /locks/since",
    "/locks",
    "/state",
    "/projects/nothing-like-it",
)


def files() -> list[IndexFile]:
    found = []
    for number in range(500):
        version = f"{number // 50}.{number % 50}.0"
        for wheel in range(1000 if version == "1.0.0" else 18):
            name = f"big-{version}-cp3{wheel}-cp3{wheel}-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
            found.append(
                IndexFile(
                    filename=name,
                    url=f"http://127.0.0.1:9/files/{name}",
                    hashes=(("sha256", hashlib.sha256(name.encode()).hexdigest()),),
                    requires_python=">=3.8",
                    size=1_234_567 + wheel,
                    upload_time=BEGIN + timedelta(days=8 * number, minutes=wheel),
                )
            )
    return found


def small_files(project: str, count: int, of_version: int, days: float) -> tuple[IndexFile, ...]:
    """Return files of a project. of_version: how many each version has; days: from one file to the next."""
    found = []
    for number in range(count):
        name = f"{project.replace('-', '_')}-1.{number // of_version}.0-cp3{number % of_version}-none-any.whl"
        found.append(
            IndexFile(
                filename=name,
                url=f"http://127.0.0.1:9/files/{name}",
                hashes=(("sha256", hashlib.sha256(name.encode()).hexdigest()),),
                size=1_234_567,
                upload_time=BEGIN + timedelta(days=days * number),
            )
        )
    return tuple(found)


def remember(place: HistoryPlace) -> None:
    """Begin a mirror that has seen the project nine days ago and again just now."""
    listed, now = files(), time.time_ns() // 1000
    later = [one for one in listed if not one.filename.startswith("big-3.3.0-")]
    with SqlHistory(place) as history:
        history.configure(Registry(name="pypi", url=NOWHERE))
        for some, seen_at, digest in ((listed, now - 9 * DAY, "00"), (later, now - 5 * SECOND, "01")):
            page = Page(project=BIG, index=NOWHERE, files=tuple(some), versions=())
            history.observe("pypi", BIG, page, Look(seen_at=seen_at, digest=digest * 32))
        others = {HUGE: small_files(HUGE, 40_000, 2, 0.1), WIDE: small_files(WIDE, 4_000, 4_000, 0.1)}
        for number in range(PINNED):
            name = NormalizedName(f"lib-{number}")
            others[name] = small_files(name, 200, 5, 20)
        for name, of_it in others.items():
            page = Page(project=name, index=NOWHERE, files=of_it, versions=())
            history.observe("pypi", name, page, Look(seen_at=now - 5 * SECOND, digest="02" * 32))
        history.observe("pypi", NormalizedName("nothing-like-it"), Gone(), Look(seen_at=now))


def form(*, hashed: bool) -> tuple[bytes, dict[str, str]]:
    """Return the lock as a browser sends it, with the headers of that."""
    pins = []
    for number in range(PINNED):
        some = [hashlib.sha256(f"{number}-{one}".encode()).hexdigest() for one in range(15 if hashed else 0)]
        ends = "".join(f" \\\n    --hash=sha256:{one}" for one in some)
        pins.append(f"lib-{number}==1.{number % 40}.0{ends}\n")
    fields = {"before": "2019-12-01", "after": "2020-01-01", "pins": "".join(pins)}
    parts = (f'--b\r\nContent-Disposition: form-data; name="{one}"\r\n\r\n{fields[one]}\r\n' for one in fields)
    return f"{''.join(parts)}--b--\r\n".encode(), {"Content-Type": "multipart/form-data; boundary=b"}


def processor_time(process: int) -> float:
    """Return the milliseconds that a process has run, all its threads (Linux)."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e6


class Taken(NamedTuple):
    """What a request took, in milliseconds. waited: to the first byte. before, used: the server's processor, to it
    and in all. size: bytes of the body.
    """

    waited: float
    before: float
    used: float
    size: int


class Server:
    """A mirror that runs."""

    def __init__(self, address: str, process: int) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._process = parts.hostname or "", parts.port, process

    def ask(self, page: str) -> Taken:
        """Ask for a page, on a connection of its own."""
        kind, _, path = page.rpartition(" ")
        body, headers = form(hashed=kind == "HASHED") if kind else (None, {})
        connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        try:
            connection.connect()
            began, begun = processor_time(self._process), time.perf_counter()
            connection.request("POST" if kind else "GET", path, body, headers)
            answer = connection.getresponse()
            waited, before = time.perf_counter() - begun, processor_time(self._process) - began
            size = len(answer.read())
            return Taken(1000 * waited, before, processor_time(self._process) - began, size)
        finally:
            connection.close()


@contextmanager
def serving(folder: Path, database: str | None) -> Iterator[Server]:
    """Yield a mirror, whose history is in the folder or in a database."""
    command = [sys.executable, "-m", "cachi2ish", "mirror", "serve", "--directory", str(folder), "--port", "0"]
    command += ["--registry", f"pypi={NOWHERE}", *(() if database is None else ("--database", database))]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stderr is not None
        found = re.match(r"serving (\S+)/ from ", process.stderr.readline())
        assert found is not None
        # What it says later is passed on: with nobody who reads, it would wait.
        Thread(target=shutil.copyfileobj, args=(process.stderr, sys.stderr), daemon=True).start()
        time.sleep(1)  # what it makes ready beside
        yield Server(found[1], process.pid)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def history(folder: Path, database: str) -> Iterator[str | None]:
    """Fill a history, and yield the address of its database; None for SQLite's."""
    if database == "sqlite":
        remember(folder / "history.sqlite")
        yield None
        return
    from tests.support.postgresql import PostgresqlServer  # noqa: PLC0415  (it needs a driver)

    with PostgresqlServer() as server:
        address = server.new_history()
        remember(address)
        yield address.with_credentials


def main() -> None:
    parser = argparse.ArgumentParser(description="Print how fast the pages for people are, and how large.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    given = parser.parse_args()
    first = dict.fromkeys(PAGES, 0.0)
    with tempfile.TemporaryDirectory() as name, history(Path(name), given.database) as database:
        for _ in range(given.starts - 1):
            with serving(Path(name), database) as server:
                for page in PAGES:
                    first[page] = max(first[page], server.ask(page).waited)
        with serving(Path(name), database) as server:
            print(f"{'ms, first':>9} {'half':>6} {'99 %':>6} {'worst':>6} {'processor':>13} {'bytes':>7}  page")
            for page in PAGES:
                first[page] = max(first[page], server.ask(page).waited)
                taken = [server.ask(page) for _ in range(given.rounds)]
                times = sorted(one.waited for one in taken)
                shown = (first[page], statistics.median(times), times[-1 - len(times) // 100], times[-1])
                used = f"{min(one.before for one in taken):.1f}, {min(one.used for one in taken):.1f}"
                columns = "".join(f" {one:6.1f}" for one in shown)
                print(f"   {columns[1:]} {used:>13} {taken[-1].size:7,}  {page}", flush=True)


if __name__ == "__main__":
    main()
