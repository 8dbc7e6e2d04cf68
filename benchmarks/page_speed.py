"""How long the mirror takes to the first byte of each page for people, and how many bytes the page has.

    python -m benchmarks.page_speed [--rounds 30]

One project has 500 versions and 10,000 files, one version 1,000 files; those of one are gone. Another one has
20,000 versions and 40,000 files, as the largest on PyPI, and a lock pins 1,000 projects of 200 files each. No
upstream is asked. The first request of each page is told apart: nothing is in memory then. The processor's time is
that of the server, the least of all rounds: it is what a machine that does other work beside gives, too.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import NormalizedName

from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import DAY, SECOND, Gone, Look, Registry

BIG, HUGE = NormalizedName("big"), NormalizedName("huge")
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
    "/locks/diff?pins=big==3.3.0&before=2019-12-01&after=2020-01-01",
    "/locks/since?pins=big==3.3.0",
    "POST /locks/diff",
    "POST /locks/since",
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


def remember(directory: Path) -> None:
    """Begin a mirror that has seen the project nine days ago and again just now."""
    listed, now = files(), time.time_ns() // 1000
    later = [one for one in listed if not one.filename.startswith("big-3.3.0-")]
    with SqlHistory(directory / "history.sqlite") as history:
        history.configure(Registry(name="pypi", url=NOWHERE))
        for some, seen_at, digest in ((listed, now - 9 * DAY, "00"), (later, now - 5 * SECOND, "01")):
            page = Page(project=BIG, index=NOWHERE, files=tuple(some), versions=())
            history.observe("pypi", BIG, page, Look(seen_at=seen_at, digest=digest * 32))
        others = {HUGE: small_files(HUGE, 40_000, 2, 0.1)}
        for number in range(PINNED):
            name = NormalizedName(f"lib-{number}")
            others[name] = small_files(name, 200, 5, 20)
        for name, of_it in others.items():
            page = Page(project=name, index=NOWHERE, files=of_it, versions=())
            history.observe("pypi", name, page, Look(seen_at=now - 5 * SECOND, digest="02" * 32))
        history.observe("pypi", NormalizedName("nothing-like-it"), Gone(), Look(seen_at=now))


def form() -> tuple[bytes, dict[str, str]]:
    """Return the lock as a browser sends it, with the headers of that."""
    pins = "\n".join(f"lib-{number}==1.{number % 40}.0" for number in range(PINNED))
    fields = {"before": "2019-12-01", "after": "2020-01-01", "pins": pins}
    parts = (f'--b\r\nContent-Disposition: form-data; name="{one}"\r\n\r\n{fields[one]}\r\n' for one in fields)
    return f"{''.join(parts)}--b--\r\n".encode(), {"Content-Type": "multipart/form-data; boundary=b"}


def processor_time(process: int) -> float:
    """Return the milliseconds that a process has run, all its threads (Linux)."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e6


def first_byte(address: str, path: str) -> tuple[float, int]:
    """Return the milliseconds to the first byte of an answer, and how many bytes its body has."""
    parts = urlsplit(address)
    method, _, path = path.rpartition(" ")
    body, headers = form() if method else (None, {})
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.connect()
        begun = time.perf_counter()
        connection.request(method or "GET", path, body, headers)
        answer = connection.getresponse()
        waited = time.perf_counter() - begun
        return 1000 * waited, len(answer.read())
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Print how fast the pages for people are, and how large.")
    parser.add_argument("--rounds", type=int, default=30)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        remember(Path(folder))
        command = [sys.executable, "-m", "cachi2ish", "mirror", "serve", "--directory", folder, "--port", "0"]
        process = subprocess.Popen([*command, "--registry", f"pypi={NOWHERE}"], stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            found = re.match(r"serving (\S+)/ from ", process.stderr.readline())
            assert found is not None
            print(f"{'ms, first':>10} {'median':>8} {'least':>8} {'processor':>9} {'bytes':>8}  page")
            for path in PAGES:
                first, size = first_byte(found[1], path)
                times, used = [], []
                for _ in range(rounds):
                    began = processor_time(process.pid)
                    times.append(first_byte(found[1], path)[0])
                    used.append(processor_time(process.pid) - began)
                median = statistics.median(times)
                print(f"{first:10.1f} {median:8.1f} {min(times):8.1f} {min(used):9.1f} {size:8,}  {path}")
        finally:
            process.terminate()
            process.wait(60)


if __name__ == "__main__":
    main()
