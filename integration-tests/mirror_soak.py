"""Two mirrors on one store, killed at any instant under load, over an upstream that lies and fails.

    python integration-tests/mirror_soak.py [--kills 500] [--seed N] [--postgresql] [--s3]

Clients ask for pages of closed days, for pages of now, and for files, whole and in parts. What must hold, however
often a mirror dies: a page that was served as one that never changes has the same bytes ever after; no client gets
the whole of a wrong file; and what a page has listed once is known for good. All is on loopback. A seed repeats
the choices, and not the instants, which the machine has a part in. Ctrl-C ends the killing, and looks through all.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import urljoin

from harness import BIN, clean_environment
from mirror_bucket import Bucket

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cachi2ish.simple_api.negotiation import HTML, JSON
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.faulty_proxy import ProxyFault
from tests.support.index_server import Answer, Fault, IndexServer
from tests.support.postgresql import PostgresqlServer
from tests.support.s3_server import S3, S3Server

PROJECTS = tuple(f"plum{number}" for number in range(12))

#: Days that are over, between which the files of the beginning were uploaded.
DAYS = ("2023-02-01", "2023-07-01", "2024-01-01", "2024-08-01")

#: Bytes that the upstream sends of a file at once, and the seconds between.
PIECE, PAUSE = 64 * 1024, 0.004

CLIENTS = 3

#: Seconds between two lies, and between two requests of a client. A mirror that starts needs the machine too.
LYING, RESTING = 0.15, 0.04


class LyingIndex(IndexServer):
    """An upstream that changes its mind, sends files slowly, and is down while ``down`` is set."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.down = False
        self._chance = chance
        self._server.pieces = self._slowly
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._liar = threading.Thread(target=self._lie_until_stopped)
        for number, name in enumerate(PROJECTS):
            for month in range(1, 7):
                version = f"1.{month}"
                self.add(name, make_wheel(name, version), upload_time=f"2023-{month:02}-11T10:00:00+00:00")
            size = 500_000 if number % 3 == 0 else 2_000
            self.add(name, make_sdist(name, "1.9", padding=size), upload_time="2023-12-11T10:00:00+00:00")

    def __enter__(self) -> Self:
        super().__enter__()
        self._liar.start()
        return self

    def stop_lying(self) -> None:
        """Leave everything as it is."""
        self._stopped.set()
        self._liar.join()

    def __exit__(self, *error: object) -> None:
        self.stop_lying()
        super().__exit__(*error)

    def answer(self, method: str, target: str, headers: Mapping[str, str], connection: int) -> Answer:
        if self.down:
            return Answer(503)
        with self._changing:
            return super().answer(method, target, headers, connection)

    def _lie_until_stopped(self) -> None:
        number = 0
        while not self._stopped.wait(LYING):
            with self._changing:
                self._lie(self._chance.choice(PROJECTS), number)
            number += 1

    def _lie(self, name: str, number: int) -> None:
        """Do one of the things that upstreams do."""
        project = self.add_project(name)
        file, now = self._chance.choice(list(project.files)), datetime.now(UTC)
        dist = Dist(file, self._files[file])
        match self._chance.randrange(9):
            case 0 | 1:
                self.add(name, make_wheel(name, f"2.{number}"), upload_time=now)
            case 2:
                self.add(name, dist, upload_time=project.files[file].upload_time, yanked="broken")
            case 3:
                self.add(name, dist, upload_time=now)
            case 4 if len(project.files) > 3:
                del project.files[file]
            case 5:
                self.add(name, make_wheel(name, f"0.{number}"), upload_time="2022-01-01T10:00:00+00:00")
            case 6:
                self.script(f"/simple/{name}/", [self._fault()])
            case 7:
                self.script(f"/files/{file}", [self._fault()])
            case _:
                other = Dist(file, dist.content + b"other bytes")
                self.add(name, other, upload_time=project.files[file].upload_time)

    def _fault(self) -> Fault:
        return self._chance.choice(
            [Fault.status(503), Fault.status(404), Fault.reset(), Fault.truncated(100_000), Fault.wrong_bytes()]
        )

    @staticmethod
    def _slowly(body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), PIECE):
            if start:
                time.sleep(PAUSE)
            yield body[start : start + PIECE]


class MirrorProcess:
    """``cachi2ish mirror serve``, which can be killed and begun again.

    within: what runs it. database: the address of its history, where that is not in its directory. more: variables
    that it has.
    """

    def __init__(
        self,
        directory: Path,
        index: IndexServer,
        *within: str,
        database: str = "",
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        command = ("mirror", "serve", "--directory", directory, "--port", "0", "--registry")
        self._command = [*within, str(BIN / "cachi2ish"), *map(str, command), f"pypi={index.index_url}"]
        self._more = {**(more or {}), **({"CACHI2ISH_MIRROR_DATABASE": database} if database else {})}
        self.port = 0
        self.start()

    def start(self) -> None:
        environment = {**clean_environment(), "NO_PROXY": "127.0.0.1", **self._more}
        self._process = subprocess.Popen(self._command, env=environment, stderr=subprocess.PIPE, text=True)
        self.told: list[str] = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.told.append(line)
            if found := re.match(r"serving http://127.0.0.1:([0-9]+)/", line):
                self.port = int(found[1])
                break
        else:
            raise AssertionError("".join(self.told))
        # Nobody else reads what it tells, and a full pipe would stop it.
        self._reader = threading.Thread(target=self.told.extend, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    @property
    def number(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it as a machine that loses its power would."""
        self._process.kill()
        self._wait()

    def end(self) -> None:
        self._process.terminate()
        assert self._wait() == 0, "".join(self.told)

    def _wait(self) -> int:
        status = self._process.wait(timeout=60)
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        return status


@dataclass
class Seen:
    """What clients have seen, and what of it is wrong. For many threads."""

    for_ever: dict[tuple[str, str], bytes] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, path: str, form: str, headers: Mapping[str, str], body: bytes) -> None:
        with self.lock:
            self.counts["pages"] += 1
            if form == JSON:
                page = json.loads(body)
                self.files |= {urljoin(path, one["url"]) for one in page["files"]}
            if "immutable" not in headers.get("cache-control", ""):
                return
            if self.for_ever.setdefault((path, form), body) != body:
                self.wrong.append(f"{path} has other bytes than before")

    def file(self, path: str, start: int, body: bytes, contents: Mapping[str, bytes]) -> None:
        sha256 = path.split("/")[2]
        with self.lock:
            self.counts["files"] += 1
        right = contents.get(sha256)
        if start == 0:
            right = body if hashlib.sha256(body).hexdigest() == sha256 else None
        if right is None and start:
            return  # nobody has seen the whole of it yet
        if right is None or right[start:] != body:
            with self.lock:
                self.wrong.append(f"{path} from {start} on has wrong bytes")

    def some_file(self, chance: random.Random) -> str | None:
        with self.lock:
            return chance.choice(sorted(self.files)) if self.files else None


class Client(threading.Thread):
    """Asks one mirror after another, until it is stopped."""

    def __init__(self, chance: random.Random, mirrors: Sequence[MirrorProcess], seen: Seen) -> None:
        super().__init__(daemon=True)
        self._chance = chance
        self._mirrors = mirrors
        self._seen = seen
        self._contents: dict[str, bytes] = {}
        self.stopped = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                with suppress(OSError, http.client.HTTPException):  # it has been killed
                    self._ask(self._chance.choice(self._mirrors).port)
        except BaseException as error:  # noqa: BLE001  (the main thread is to see it)
            self.failure = error

    def _ask(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            for _ in range(20):
                file = self._seen.some_file(self._chance)
                if file is None or self._chance.random() < 0.6:
                    self._page(connection)
                else:
                    self._file(connection, file)
                if self.stopped.wait(RESTING):
                    return
        finally:
            connection.close()

    def _page(self, connection: http.client.HTTPConnection) -> None:
        day = self._chance.choice((*DAYS, "live"))
        path, form = f"/{day}/simple/{self._chance.choice(PROJECTS)}/", self._chance.choice((JSON, HTML))
        status, headers, body = ask(connection, path, Accept=form)
        if status == 200:
            self._seen.page(path, form, headers, body)

    def _file(self, connection: http.client.HTTPConnection, path: str) -> None:
        start = self._chance.choice((0, 0, 0, 400))
        status, _, body = ask(connection, path, **({"Range": f"bytes={start}-"} if start else {}))
        if status in {200, 206}:
            self._seen.file(path, start if status == 206 else 0, body, self._contents)
            if status == 200 and len(self._contents) < 50:
                self._contents[path.split("/")[2]] = body


def ask(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and the whole body; raises where it is not whole."""
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def soak(
    kills: int,
    seed: str,
    folder: Path,
    goes_on: Callable[[int, Seen], bool] = lambda *_: True,
    server: PostgresqlServer | None = None,
    s3: S3 | None = None,
) -> Seen:
    """Kill mirrors so many times; return what was seen, and what of it was wrong.

    goes_on: is told of each kill; False ends it earlier. server: has the history, and is killed as well at each
    fifth time; each mirror has a directory of its own then. s3: has the files, and fails at each third time, until
    the next one.
    """
    seen, chance = Seen(), random.Random(seed)
    database = "" if server is None else server.new_schema().with_credentials
    directories = [folder / name for name in (("mirror", "mirror") if server is None else ("one", "two"))]
    with ExitStack() as stack:
        index = stack.enter_context(LyingIndex(random.Random(f"{seed}/index")))
        bucket = None if s3 is None else stack.enter_context(Bucket(s3))
        more = {} if bucket is None else bucket.environment
        mirrors = [MirrorProcess(each, index, database=database, more=more) for each in directories]
        clients = [Client(random.Random(f"{seed}/{number}"), mirrors, seen) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        while seen.counts["kills"] < kills and goes_on(seen.counts["kills"], seen):
            time.sleep(chance.uniform(0, 0.3))
            mirror = chance.choice(mirrors)
            mirror.kill()
            mirror.start()
            seen.counts["kills"] += 1
            _disturb(seen.counts["kills"], chance, server, bucket)
        _stop(clients)
        index.stop_lying()
        index.down = True
        if bucket is not None:
            bucket.proxy.heal()
            for mirror in mirrors:
                mirror.kill()
                mirror.start()
            _check_the_bucket(bucket, directories, seen)
        for mirror in mirrors:
            _check_what_is_known(mirror.port, seen)
            mirror.end()
    for directory in dict.fromkeys(directories):
        _check_the_store(directory, database, seen)
    seen.counts["pages of closed days"] = len(seen.for_ever)
    seen.counts["files that were listed"] = len(seen.files)
    return seen


def _disturb(kills: int, chance: random.Random, server: PostgresqlServer | None, bucket: Bucket | None) -> None:
    if bucket is not None and kills % 3 == 0:
        bucket.proxy.fail(chance.choice(list(ProxyFault)))
    if server is not None and kills % 5 == 0:
        server.stop("immediate")
        time.sleep(chance.uniform(0, 0.3))
        server.start()


def _stop(clients: Sequence[Client]) -> None:
    for client in clients:
        client.stopped.set()
    for client in clients:
        client.join()
        if client.failure:
            raise client.failure


def _check_the_bucket(bucket: Bucket, directories: Iterable[Path], seen: Seen) -> None:
    """What machines have of files that were listed is there before long, and all that is there is right."""
    listed = {path.split("/")[2] for path in seen.files}
    held = {_sha256_of(path) for each in directories for path in _blobs(each)} & listed
    end = time.monotonic() + 60
    while (lacking := held - (contents := bucket.contents()).keys()) and time.monotonic() < end:
        time.sleep(1)
    seen.wrong += [f"the bucket lacks {name}" for name in sorted(lacking)]
    seen.wrong += [
        f"the bucket has wrong bytes for {name}"
        for name, content in contents.items()
        if hashlib.sha256(content).hexdigest() != name
    ]
    seen.counts["files in the bucket"] = len(contents)


def _blobs(directory: Path) -> list[Path]:
    return [path for path in (directory / "files/blobs/sha256").rglob("*") if path.is_file()]


def _sha256_of(blob: Path) -> str:
    """What its name says."""
    return "".join(blob.parts[blob.parts.index("sha256") + 1 :])


def _check_what_is_known(port: int, seen: Seen) -> None:
    """Without an upstream: pages that never change are there, and all files that were ever listed are known."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for (path, form), body in seen.for_ever.items():
        status, _, got = ask(connection, path, Accept=form)
        if (status, got) != (200, body):
            seen.wrong.append(f"{path} is gone or has other bytes, without an upstream: {status}")
    for path in sorted(seen.files):
        status, _, _ = ask(connection, path, "HEAD")
        if status != 200:
            seen.wrong.append(f"{path} was listed, and nobody knows it any more: {status}")
    connection.close()


def _check_the_store(directory: Path, database: str, seen: Seen) -> None:
    for path in _blobs(directory):
        name = _sha256_of(path)
        if hashlib.sha256(path.read_bytes()).hexdigest() != name:
            seen.wrong.append(f"the store has wrong bytes for {name}")
        seen.counts["files in the store"] += 1
    command = [str(BIN / "cachi2ish"), "mirror", "verify", "--directory", str(directory)]
    environment = clean_environment() | ({"CACHI2ISH_MIRROR_DATABASE": database} if database else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        seen.wrong.append(done.stdout + done.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(2**32)))
    parser.add_argument("--postgresql", action="store_true", help="the history in a database, which is killed too")
    parser.add_argument("--s3", action="store_true", help="the files in S3, which fails; with --postgresql")
    arguments = parser.parse_args()
    print(f"--seed {arguments.seed}", flush=True)
    begun = time.monotonic()

    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())

    def report(kills: int, seen: Seen) -> bool:
        if kills % 50 == 0:
            counts = f"{dict(seen.counts)}, {len(seen.for_ever)} pages of closed days, {len(seen.wrong)} wrong"
            print(f"{time.monotonic() - begun:.0f} s: {counts}", flush=True)
        return not interrupted.is_set()

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(PostgresqlServer(durable=True)) if arguments.postgresql else None
        s3 = stack.enter_context(S3Server()) if arguments.s3 else None
        seen = soak(arguments.kills, arguments.seed, Path(folder), report, server, s3)
    print(*seen.wrong[:20], sep="\n")
    print(f"{time.monotonic() - begun:.0f} s, {dict(seen.counts)}, {len(seen.wrong)} wrong")
    return int(bool(seen.wrong))


if __name__ == "__main__":
    sys.exit(main())
