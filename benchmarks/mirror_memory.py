"""What memory the mirror takes: a file of 2 GB, many requests at once, and many projects that are followed.

    python -m benchmarks.mirror_memory [--gigabytes 2] [--projects 100000]

All is on loopback. Needs nginx and wrk, and room on the disk for the file.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from packaging.utils import NormalizedName

from benchmarks.failures import BenchmarkError
from benchmarks.mirror_race import fetched, file_of, make_site
from benchmarks.rivals import DAY, Rival, start_mirror, start_nginx
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.instants import instant_of
from cachi2ish.mirror.records import Look, Registry

_CONNECTIONS, _REQUESTS = 64, 10_000
_PIECE = 1 << 20

#: Asks for the pages of 200 projects one after another, every second one as JSON.
_LUA = """
local number = 0
request = function()
  number = number + 1
  local accept = number % 2 == 0 and "text/html" or "application/vnd.pypi.simple.v1+json"
  return wrk.format("GET", string.format("PATHplum-%03d/", number % 200), {["Accept"] = accept})
end
"""


def add_large_file(site: Path, size: int) -> None:
    """Write a file of zeros, which takes no room, and the page that lists it."""
    file = site / "files" / "large-1.0-py3-none-any.whl"
    with file.open("wb") as made:
        made.truncate(size)
    with file.open("rb") as made:
        sha256 = hashlib.file_digest(made, "sha256").hexdigest()
    listed = {
        "filename": file.name,
        "url": f"../../files/{file.name}",
        "hashes": {"sha256": sha256},
        "size": size,
        "upload-time": "2024-01-01T10:00:00Z",
    }
    page = {"meta": {"api-version": "1.1"}, "name": "large", "versions": ["1.0"], "files": [listed]}
    (site / "simple/large").mkdir()
    (site / "simple/large/index.json").write_text(json.dumps(page))


def count_bytes(url: str) -> int:
    """Read what is there without keeping it."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=600)
    connection.request("GET", parts.path)
    answer, count = connection.getresponse(), 0
    while piece := answer.read(_PIECE):
        count += len(piece)
    connection.close()
    return count


def ask_many(mirror: Rival, folder: Path) -> int:
    """Ask for pages at 64 connections until enough requests are answered; return how many were."""
    script = folder / "pages.lua"
    script.write_text(_LUA.replace("PATH", urlsplit(mirror.index).path))
    count = 0
    while count < _REQUESTS:
        command = ["wrk", "-t1", f"-c{_CONNECTIONS}", "-d3s", "--timeout", "30s", "-s", str(script), mirror.index]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"(\d+) requests in", said)
        if found is None or "Non-2xx" in said:
            raise BenchmarkError(f"requests are refused: {said}")
        count += int(found[1])
    return count


def follow_many(store: Path, upstream: str, count: int) -> None:
    """Write a history in which so many projects are followed, each seen once, a moment ago."""
    seen_at = instant_of(datetime.now(UTC))
    with SqlHistory(store / "history.sqlite") as history:
        history.configure(Registry(name="pypi", url=upstream))
        for number in range(count):
            name = NormalizedName(f"followed-{number:06}")
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            file = IndexFile(
                filename=f"{name.replace('-', '_')}-1.0.tar.gz",
                url=f"{upstream}{name}-1.0.tar.gz",
                hashes=(("sha256", sha256),),
                size=1000,
                upload_time=datetime(2024, 1, 1, tzinfo=UTC),
            )
            page = Page(project=name, index=upstream, files=(file,), versions=("1.0",))
            history.observe("pypi", name, page, Look(seen_at=seen_at))


def measure(folder: Path, size: int, projects: int) -> None:
    """Print what each takes. Raises `BenchmarkError`."""
    site = folder / "site"
    make_site(site, 0)
    add_large_file(site, size)
    with start_nginx(site, folder / "nginx") as upstream:
        with start_mirror(upstream.index, folder / "mirror") as mirror:
            _tell("at the start", mirror)
            fetched(file_of(mirror, "heavy"))
            _tell("after a file of 20 MB", mirror)
            page = json.loads(fetched(mirror.page("large"), "application/vnd.pypi.simple.v1+json"))
            large = urljoin(mirror.page("large"), page["files"][0]["url"])
            for how in ("from the upstream", "from the disk"):
                began = time.monotonic()
                if count_bytes(large) != size:
                    raise BenchmarkError("the large file has not come whole")
                rate = size / (time.monotonic() - began) / 1e6
                _tell(f"after a file of {size / 1e9:.1f} GB {how} ({rate:.0f} MB/s)", mirror)
        with start_mirror(upstream.index, folder / "mirror") as mirror:
            _tell("at the start", mirror)
            count = ask_many(mirror, folder)
            _tell(f"after {count:,} requests at {_CONNECTIONS} connections, for 400 pages", mirror)
            more = ask_many(mirror, folder)
            _tell(f"after {more:,} more", mirror)
        store = folder / "many" / "store"
        follow_many(store, upstream.index, projects)
        with start_mirror(upstream.index, folder / "many") as mirror:
            _tell(f"at the start, where {projects:,} projects are followed", mirror)
            time.sleep(5)
            _tell("after five seconds", mirror)
            listed = len(fetched(mirror.index))
            _tell(f"after the list of all ({listed / 1e6:.1f} MB)", mirror)


def _tell(what: str, mirror: Rival) -> None:
    print(f"{mirror.memory() / 1e6:6.0f} MB {what}", flush=True)


def main() -> int:
    # Whoever ends the benchmark ends the servers with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--projects", type=int, default=100_000)
    given = parser.parse_args()
    print(f"the most memory that the mirror has had so far; pages are as of {DAY}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            measure(Path(folder), int(given.gigabytes * 1e9), given.projects)
        except BenchmarkError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
