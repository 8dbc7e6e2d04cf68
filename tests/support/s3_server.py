"""A real S3 server of the tests' own: SeaweedFS, from its wheel, on loopback and in a folder that goes with it.

with S3Server() as server:
    ... server.environment, server.new_bucket() ...

Starting takes two seconds. ``shared_s3()`` is one for all processes of a run of pytest; where ``MIRROR_S3`` names
an endpoint, it is that one, with ``MIRROR_S3_ACCESS_KEY`` and ``MIRROR_S3_SECRET_KEY``.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Literal, Self

import obstore
from obstore.store import S3Store

WEED = Path(sys.executable).parent / "weed"

#: The endpoint of a server that runs already.
_GIVEN = os.environ.get("MIRROR_S3")

ACCESS_KEY = os.environ.get("MIRROR_S3_ACCESS_KEY", "AKIATESTS")
SECRET_KEY = os.environ.get("MIRROR_S3_SECRET_KEY", "let-me-in-8")

#: Its parts, each with a port for HTTP and one for gRPC.
_PARTS = ("master", "volume", "filer", "s3")

_IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}

_FIXED = (
    *("-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.iam=false"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=64"),
    *("-volume.max=0", "-volume.minFreeSpace=1", "-volume.preStopSeconds=0"),
)

#: Seconds after which a server that is not ready will never be.
_PATIENCE = 120.0

_numbers = count(1)

#: What this process has started for all, and does not wait for.
_keepers: list[subprocess.Popen[bytes]] = []


class S3:
    """Where the server is, and what to do with it."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.ports = ports

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3']}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that programs of S3 read."""
        return environment_of(self.endpoint)

    def new_bucket(self) -> str:
        """Return the name of a bucket that no other test has; it is empty."""
        name = f"files-{os.getpid()}-{next(_numbers)}"
        self.manage(f"s3.bucket.create -name={name}")
        return name

    def refuse_writes(self, bucket: str) -> None:
        """Do what the server does with a bucket that is full: files are read, and none is written any more."""
        self.manage(f"fs.configure -locationPrefix=/buckets/{bucket}/ -readOnly=true -apply")

    def accept_writes(self, bucket: str) -> None:
        self.manage(f"fs.configure -locationPrefix=/buckets/{bucket}/ -delete -apply")

    def manage(self, command: str) -> str:
        """Give the server's own shell a command; return what it said."""
        places = [
            f"-{part}=127.0.0.1:{self.ports[part]}.{self.ports[part + '.grpc']}" for part in ("master", "filer")
        ]
        done = subprocess.run(
            [WEED, "shell", *places], input=command + "\n", capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert "error:" not in done.stderr + done.stdout, done.stderr + done.stdout
        return done.stdout


class GivenS3(S3):
    """A server that runs already and that somebody else ends. It makes buckets for these keys; they go again."""

    def __init__(self, endpoint: str, ports: Mapping[str, int]) -> None:
        super().__init__(ports)
        self._endpoint = endpoint

    @property
    def endpoint(self) -> str:
        return self._endpoint

    def new_bucket(self) -> str:
        name = f"cachi2ish-{secrets.token_hex(6)}"
        self._ask("PUT", name)
        self._keep_until_the_end(name)
        return name

    def _keep_until_the_end(self, bucket: str) -> None:
        atexit.register(self._remove, bucket)

    def _remove(self, bucket: str) -> None:
        store = self._store(bucket)
        for batch in obstore.list(store):
            obstore.delete(store, [one["path"] for one in batch])
        self._ask("DELETE", bucket)

    def _ask(self, method: Literal["PUT", "DELETE"], bucket: str) -> None:
        address = obstore.sign(self._store(bucket), method, "", timedelta(minutes=5))
        urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=60).close()

    def _store(self, bucket: str) -> S3Store:
        return S3Store(
            bucket,
            endpoint=self.endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            client_options={"allow_http": True},
        )


class S3Server(S3):
    """One server; a context manager. It can be stopped and started again, and has what it had."""

    def __init__(self) -> None:
        super().__init__(free_ports(*(part + kind for part in _PARTS for kind in ("", ".grpc"))))

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="s3-"))
        (self._folder / "identities.json").write_text(json.dumps({"identities": [_IDENTITY]}))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        for name, port in self.ports.items():
            Path(f"/tmp/seaweedfs-{name.replace('.', '-')}-{port}.sock").unlink(missing_ok=True)

    def start(self) -> None:
        ports = [f"-{part}.port{kind}={self.ports[part + kind]}" for part in _PARTS for kind in ("", ".grpc")]
        kept = [
            f"-dir={self._folder}",
            f"-master.dir={self._folder / 'master'}",
            f"-s3.config={self._folder / 'identities.json'}",
        ]
        # What it has elected before it ended would make it wait 20 seconds for others. The names of all files
        # are beside that.
        (self._folder / "master").mkdir(exist_ok=True)
        for elected in (self._folder / "master").glob("m[0-9]*"):
            shutil.rmtree(elected)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [WEED, *_FIXED, *kept, *ports],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        end = time.monotonic() + _PATIENCE
        while not self._is_ready():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < end, (self._folder / "log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a machine that loses its power would."""
        self._process.kill()
        self._process.wait()

    def _is_ready(self) -> bool:
        """Whether a file can be written: all of its parts know one another."""
        with suppress(OSError):
            urllib.request.urlopen(f"{self.endpoint}/status", timeout=10).close()
            assigned = f"http://127.0.0.1:{self.ports['master']}/dir/assign"
            with urllib.request.urlopen(assigned, timeout=10) as answer:
                return "fid" in json.load(answer)
        return False


def environment_of(endpoint: str) -> dict[str, str]:
    """The variables that programs of S3 read, with another way to the server: through a proxy."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


@cache
def shared_s3() -> S3:
    """The server of this run of pytest, which the first process that asks for it starts.

    Each process holds one end of a pipe. When the last one has ended, however it did, the server goes too.
    """
    if _GIVEN:
        return GivenS3(_GIVEN, {})
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"s3-of-{run}"
    folder.mkdir(exist_ok=True, mode=0o700)
    pipe, state = folder / "pipe", folder / "ports.json"
    with _alone(folder):
        if not state.exists():
            pipe.unlink(missing_ok=True)
            os.mkfifo(pipe)
            with (folder / "log").open("wb") as log:
                keeper = subprocess.Popen(
                    [sys.executable, "-m", "tests.support.s3_server", folder],
                    cwd=Path(__file__).parents[2],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            _keepers.append(keeper)
            end = time.monotonic() + 2 * _PATIENCE
            while not state.exists():
                assert keeper.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.05)
        end = os.open(pipe, os.O_RDWR)
    atexit.register(os.close, end)
    return S3(json.loads(state.read_text()))


def keep(folder: Path) -> None:
    """Run a server until nobody holds the pipe any more."""
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = stack.enter_context(S3Server())
        # The one who started this holds the lock until it holds the pipe too.
        written = folder / "ports.new"
        written.write_text(json.dumps(server.ports))
        written.rename(folder / "ports.json")
        while True:
            with _alone(folder):
                reading = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
                try:
                    unused = os.read(reading, 1) == b""
                except BlockingIOError:
                    unused = False
                os.close(reading)
                if unused:
                    (folder / "ports.json").unlink()
                    return
            time.sleep(0.5)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_ports(*names: str) -> dict[str, int]:
    """Return a port for each name, which nobody listens at now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
