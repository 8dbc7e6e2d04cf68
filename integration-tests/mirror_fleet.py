"""Mirrors as on several machines: each a process with a directory of its own, PostgreSQL and S3 behind all.

``python integration-tests/mirror_fleet.py --files 2000`` lets many clients ask them, and tells figures.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from harness import BIN, clean_environment
from mirror_bucket import Bucket
from mirror_soak import PAUSE, PIECE, MirrorProcess, ask

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cachi2ish.mirror.records import UNSENT
from cachi2ish.simple_api.negotiation import HTML, JSON
from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.postgresql import PostgresqlServer
from tests.support.s3_server import S3Server

MACHINES = 4

#: Files of a project, and when they were uploaded: days that are over, between which others lie.
UPLOADED = ("2023-02-11T10:00:00+00:00", "2023-08-11T10:00:00+00:00", "2024-02-11T10:00:00+00:00")
DAYS = ("2023-06-01", "2024-01-01", "2024-06-01")


class SlowIndex(IndexServer):
    """An upstream that sends large files in pieces, with pauses, so that others ask for them meanwhile.

    flowing: cleared, it sends no more than a million bytes of a file. whole: by their sizes, how many files it has
    sent to their ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flowing = threading.Event()
        self.flowing.set()
        self.whole: Counter[int] = Counter()
        self._server.pieces = self._slowly

    def __exit__(self, *error: object) -> None:
        self.flowing.set()
        super().__exit__(*error)

    def add_project_of(self, name: str, *sizes: int) -> list[Dist]:
        """Add a project with a wheel, which is small, for each date, and an sdist of each size."""
        dists = [make_wheel(name, f"1.{number}") for number in range(len(UPLOADED))]
        for dist, uploaded in zip(dists, UPLOADED, strict=True):
            self.add(name, dist, upload_time=uploaded)
        chance = random.Random(name)
        for number, size in enumerate(sizes):
            dists.append(Dist(f"{name}-2.{number}.tar.gz", chance.randbytes(size)))
            self.add(name, dists[-1], upload_time=UPLOADED[0])
        return dists

    def downloads(self) -> Counter[str]:
        """How often each file was asked for."""
        paths = (one.path for one in self.requests if one.method == "GET")
        return Counter(path.rpartition("/")[2] for path in paths if path.startswith("/files/"))

    def _slowly(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), PIECE):
            if start:
                time.sleep(PAUSE)
            if start > 1_000_000:
                self.flowing.wait()
            yield body[start : start + PIECE]
        self.whole[len(body)] += 1


class Fleet:
    """Machines over one upstream, one database and one bucket. A context manager.

    None of them follows projects: the command ``sync`` does that.
    """

    def __init__(
        self, folder: Path, index: IndexServer, database: str, bucket: Bucket, count: int = MACHINES
    ) -> None:
        self.bucket = bucket
        self.environment = {
            **bucket.environment,
            "CACHI2ISH_MIRROR_DATABASE": database,
            "CACHI2ISH_MIRROR_FOLLOW": "false",
        }
        self._index = index
        self._directories = [folder / f"machine{number}" for number in range(count)]
        self.machines: list[MirrorProcess] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            with ThreadPoolExecutor() as threads:
                starting = [threads.submit(self._start, directory, stack) for directory in self._directories]
            self.machines += [one.result() for one in starting]
            self._ending = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def _start(self, directory: Path, stack: ExitStack) -> MirrorProcess:
        machine = MirrorProcess(directory, self._index, more=self.environment)
        stack.callback(machine.end)
        return machine

    def command(self, *command: str, machine: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of the mirror on a machine, to its end."""
        place = ("--directory", str(self._directories[machine]))
        return subprocess.run(
            [BIN / "cachi2ish", "mirror", *command, *place],
            env={**clean_environment(), "NO_PROXY": "127.0.0.1", **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def waiting(self) -> list[int]:
        """Return the machines that have files which are still to be put into the bucket, by their own notes."""
        notes = [list((directory / UNSENT).iterdir()) for directory in self._directories]
        return [number for number, those in enumerate(notes) if those]


@dataclass
class Report:
    """What clients saw. pages: of closed days, by path and form. wrong: what should not be. For many threads."""

    pages: dict[tuple[str, str], bytes] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, path: str, form: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        with self.lock:
            self.counts["pages"] += 1
            if status != 200 or "immutable" not in headers.get("cache-control", ""):
                self.wrong.append(f"{path}: {status}, {headers.get('cache-control')}")
            elif self.pages.setdefault((path, form), body) != body:
                self.wrong.append(f"{path} has other bytes than another machine has sent")

    def file(self, dist: Dist, status: int, body: bytes) -> None:
        with self.lock:
            self.counts["files"] += 1
            self.counts["bytes"] += len(body)
            if (status, body) != (200, dist.content):
                self.wrong.append(f"{dist.filename}: {status}, {len(body)} bytes")


def path_of(dist: Dist) -> str:
    return f"/files/{hashlib.sha256(dist.content).hexdigest()}/{dist.filename}"


def ask_all(
    machines: Sequence[MirrorProcess],
    dists: Mapping[str, Sequence[Dist]],
    report: Report,
    *,
    clients: int = 8,
    seed: str = "1",
) -> None:
    """Let clients ask each machine for each page of the days that are over, and for each file, in any order.

    dists: by project.
    """
    errands: list[tuple[MirrorProcess, str | Dist, str]] = [
        (machine, f"/{day}/simple/{name}/", form)
        for machine in machines
        for name in dists
        for day in DAYS
        for form in (JSON, HTML)
    ]
    first = [
        (machines[number % len(machines)], f"/{DAYS[0]}/simple/{name}/", JSON) for number, name in enumerate(dists)
    ]
    files = [(machine, dist, "") for machine in machines for those in dists.values() for dist in those]
    # A mirror knows a file once one of them has seen a page of its project.
    _run(first, report, clients)
    errands += files
    random.Random(seed).shuffle(errands)
    _run(errands, report, clients)


def _run(errands: Iterable[tuple[MirrorProcess, str | Dist, str]], report: Report, clients: int) -> None:
    waiting = iter(list(errands))
    taking = threading.Lock()

    def client() -> None:
        connections: dict[int, http.client.HTTPConnection] = {}
        while True:
            with taking:
                errand = next(waiting, None)
            if errand is None:
                break
            machine, wanted, form = errand
            connection = connections.get(machine.port)
            if connection is None:
                connection = connections[machine.port] = http.client.HTTPConnection(
                    "127.0.0.1", machine.port, timeout=60
                )
            if isinstance(wanted, Dist):
                status, _, body = ask(connection, path_of(wanted))
                report.file(wanted, status, body)
            else:
                status, headers, body = ask(connection, wanted, Accept=form)
                report.page(wanted, form, status, headers, body)
        for connection in connections.values():
            connection.close()

    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(client) for _ in range(clients)]:
            done.result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="files of the upstream, about")
    parser.add_argument("--machines", type=int, default=MACHINES)
    parser.add_argument("--clients", type=int, default=16)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PostgresqlServer(durable=True))
        s3 = stack.enter_context(S3Server())
        bucket = stack.enter_context(Bucket(s3))
        index = stack.enter_context(SlowIndex())
        dists = {
            f"plum{number}": index.add_project_of(
                f"plum{number}", 300_000, *([20_000_000] if number % 50 == 0 else [])
            )
            for number in range(arguments.files // (len(UPLOADED) + 1))
        }
        database = server.new_schema().with_credentials
        fleet = stack.enter_context(Fleet(folder, index, database, bucket, arguments.machines))
        report, begun = Report(), time.monotonic()
        ask_all(fleet.machines, dists, report, clients=arguments.clients)
        took = time.monotonic() - begun
        downloads, stored = index.downloads(), bucket.contents()
        everything = {path_of(dist).split("/")[2]: dist.content for those in dists.values() for dist in those}
        lacking = [one for one, content in everything.items() if stored.get(one) != content]
        figures = {
            "seconds": round(took),
            "machines": arguments.machines,
            **report.counts,
            "pages of closed days": len(report.pages),
            "files of the upstream": len(everything),
            "downloads from it": downloads.total(),
            "files that were downloaded more than once": sum(count > 1 for count in downloads.values()),
            "files that the bucket lacks": len(lacking),
            "wrong": len(report.wrong),
        }
        print(json.dumps(figures, indent=2))
        print(*report.wrong[:20], sep="\n")
        return int(bool(report.wrong or lacking or downloads.total() != len(everything)))


if __name__ == "__main__":
    sys.exit(main())
