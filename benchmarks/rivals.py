"""The mirror and its peers before one index on loopback, each as its own documentation starts it.

Peers are installed from PyPI, each into an environment of its own below a folder that is kept.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import BenchmarkError

#: What is installed, and as of when: what others release later changes nothing.
_PEERS = {
    "devpi": ("devpi-server==6.20.3",),
    "proxpi": ("proxpi==1.3.1", "gunicorn==27.0.1"),
    "pypi-timemachine": ("pypi-timemachine==0.3.1",),
}
_AS_OF = "2026-11-20T00:00:00Z"

#: A day after all files of the made-up index.
DAY = "2024-06-01"

#: Seconds in which a server has to answer.
_PATIENCE = 60

_NGINX = """\
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=1000;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  types {{ text/html html; application/vnd.pypi.simple.v1+json json; }}
  default_type application/octet-stream;
  map $http_accept $page {{
    default index.html;
    "~application/vnd\\.pypi\\.simple\\.v1\\+json" index.json;
  }}
  server {{
    listen 127.0.0.1:{port};
    root {site};
    index $page;
  }}
}}
"""


@dataclass(frozen=True)
class Rival:
    """A server that runs. index: the address of its index, with a slash at the end. number: of its process."""

    name: str
    index: str
    number: int

    def page(self, project: str) -> str:
        """Return the address of a page."""
        return f"{self.index}{project}/"

    def memory(self) -> int:
        """Return the most bytes of memory that it and its children have had."""
        lines = [
            line for one in self._processes() for line in Path(f"/proc/{one}/status").read_text().splitlines()
        ]
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def processor(self) -> float:
        """Return the seconds of a processor that it and its children have taken."""
        ticks = 0
        for number in self._processes():
            _, _, numbers = Path(f"/proc/{number}/stat").read_text().rpartition(")")
            ticks += sum(map(int, numbers.split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def _processes(self) -> list[int]:
        numbers = [self.number]
        for number in numbers:  # it grows while it is read
            children = Path(f"/proc/{number}/task/{number}/children").read_text()
            numbers += map(int, children.split())
        return numbers


def install(folder: Path, say: Callable[[str], None]) -> None:
    """Install the peers that are not there yet. Raises `BenchmarkError`."""
    uv = Path(sys.executable).parent / "uv"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    for name, wanted in _PEERS.items():
        place = folder / name
        if (place / "installed").exists():
            continue
        say(f"installing {name}")
        environment = [str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(place)]
        packages = [str(uv), "pip", "install", "--quiet", "--python", str(place / "bin/python")]
        for command in (environment, [*packages, "--exclude-newer", _AS_OF, *wanted]):
            if subprocess.run(command, env={**clean, "UV_NO_CONFIG": "1"}, check=False).returncode:
                raise BenchmarkError(f"{name} cannot be installed")
        (place / "installed").touch()


@contextmanager
def running(peers: Path, site: Path, folder: Path) -> Iterator[list[Rival]]:
    """Start nginx with the index, and all others before it; yields them, nginx first. Raises `BenchmarkError`."""
    with ExitStack() as stack:
        upstream = stack.enter_context(start_nginx(site, folder / "nginx"))
        yield [
            upstream,
            stack.enter_context(start_mirror(upstream.index, folder / "mirror")),
            stack.enter_context(_devpi(peers / "devpi/bin", upstream.index, folder / "devpi")),
            stack.enter_context(_proxpi(peers / "proxpi/bin", upstream.index, folder / "proxpi")),
            stack.enter_context(
                _timemachine(peers / "pypi-timemachine/bin", upstream.index, folder / "timemachine")
            ),
        ]


@contextmanager
def start_nginx(site: Path, folder: Path) -> Iterator[Rival]:
    """Run nginx over a folder that has an index."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        raise BenchmarkError("nginx is the measure, and not here; on Debian: apt-get install nginx")
    folder.mkdir(parents=True)
    port = _free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(user=user, folder=folder, port=port, site=site))
    command = [program, "-e", str(folder / "error.log"), "-c", str(configuration)]
    with _started("nginx", command, f"http://127.0.0.1:{port}/simple/", folder) as rival:
        yield rival


@contextmanager
def start_mirror(upstream: str, folder: Path) -> Iterator[Rival]:
    """Run the mirror, with its store in ``folder / "store"``."""
    port = _free_port()
    program = str(Path(sys.executable).parent / "cachi2ish")
    command = [program, "mirror", "serve", "--directory", str(folder / "store"), "--port", str(port)]
    command += ["--registry", f"pypi={upstream}"]
    with _started("cachi2ish", command, f"http://127.0.0.1:{port}/{DAY}/simple/", folder) as rival:
        yield rival


@contextmanager
def _devpi(programs: Path, upstream: str, folder: Path) -> Iterator[Rival]:
    folder.mkdir(parents=True)
    port, place = _free_port(), ["--serverdir", str(folder / "server")]
    with (folder / "init.log").open("wb") as log:
        command = [str(programs / "devpi-init"), "--no-root-pypi", *place]
        subprocess.run(command, stdout=log, stderr=log, check=True)
    command = [str(programs / "devpi-server"), *place, "--port", str(port)]
    root = f"http://127.0.0.1:{port}"
    with _started("devpi", command, f"{root}/root/up/+simple/", folder, probe=f"{root}/+api") as rival:
        login = _send("POST", f"{root}/+login", {"user": "root", "password": ""}, {})["result"]["password"]
        token = {"X-Devpi-Auth": _basic("root", login)}
        index = {"type": "mirror", "mirror_url": upstream, "volatile": False}
        _send("PUT", f"{root}/root/up", index, token)
        yield rival


@contextmanager
def _proxpi(programs: Path, upstream: str, folder: Path) -> Iterator[Rival]:
    port = _free_port()
    command = [str(programs / "gunicorn"), "--threads", "8", "--bind", f"127.0.0.1:{port}", "proxpi.server:app"]
    settings = {
        "PROXPI_INDEX_URL": upstream,
        "PROXPI_CACHE_DIR": str(folder / "cache"),
        "PROXPI_LOGGING_LEVEL": "ERROR",
    }
    with _started("proxpi", command, f"http://127.0.0.1:{port}/index/", folder, **settings) as rival:
        yield rival


@contextmanager
def _timemachine(programs: Path, upstream: str, folder: Path) -> Iterator[Rival]:
    port = _free_port()
    command = [str(programs / "pypi-timemachine"), DAY, "--port", str(port), "--index-url", upstream, "--quiet"]
    index = f"http://127.0.0.1:{port}/snapshot/{DAY}T00:00:00Z/"
    with _started("pypi-timemachine", command, index, folder, probe=f"{index}plum-000/") as rival:
        yield rival


@contextmanager
def _started(
    name: str, command: Sequence[str], index: str, folder: Path, *, probe: str = "", **environment: str
) -> Iterator[Rival]:
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**os.environ, "NO_PROXY": "127.0.0.1", "CACHI2ISH_CONFIG_FILE": os.devnull, **environment}
    with (
        (folder / "out.log").open("wb") as log,
        subprocess.Popen(command, env=settings, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            _await(name, process, probe or index, folder / "out.log")
            yield Rival(name, index, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(name: str, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=_PATIENCE).close()
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise BenchmarkError(f"{name} did not start: {log.read_text(errors='replace')[-1000:]}")


def _send(method: str, url: str, body: object, headers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    stated = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, json.dumps(body).encode(), stated, method=method)
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
        said: dict[str, dict[str, str]] = json.load(answer)
    return said


def _basic(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
