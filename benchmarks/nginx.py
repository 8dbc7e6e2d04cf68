"""The mirror behind nginx."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwuid
from string import Template

from benchmarks.failures import BenchmarkError
from benchmarks.serving import Plan
from benchmarks.traffic import LOG_FORMAT

_PATIENCE = 10.0  # seconds to start, and to stop

_CONFIGURATION = Template("""\
$user
worker_processes 2;
pid nginx.pid;
error_log error.log;
events { worker_connections 1024; }
http {
  log_format counted '$log_format';
  access_log access.log counted;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  fastcgi_temp_path temporary;
  uwsgi_temp_path temporary;
  scgi_temp_path temporary;
  types { text/html html; application/vnd.pypi.simple.v1+json json; }
  default_type application/octet-stream;
  tcp_nopush on;
  gzip_static on;
  ssl_certificate "$certificate";
  ssl_certificate_key "$key";
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:sessions:1m;
  map $$http_accept $$page {
    default index.html;
    "~application/vnd\\.pypi\\.simple\\.v1\\+json" index.json;
  }
  server {
    listen $host:$page_port ssl http2;
    listen $host:$file_port ssl http2;
    root "$site";
    location /simple/ { index $$page; add_header Vary Accept; }
    location /html/ { alias "$site/simple/"; index index.html; }
    location /packages/ { gzip_static off; }
  }
}
""")


class Nginx:
    """Needs no root: all that it writes is in the plan's folder."""

    def __init__(self, program: str) -> None:
        self._program = program

    @property
    def title(self) -> str:
        said = subprocess.run([self._program, "-v"], capture_output=True, text=True, check=False).stderr
        return f"{said.strip().rpartition(': ')[2]}, TLS, HTTP/2 and HTTP/1.1"

    @contextmanager
    def serve(self, plan: Plan) -> Iterator[None]:
        plan.state.mkdir(parents=True, exist_ok=True)
        for stale in (plan.log, _process_id(plan)):
            stale.unlink(missing_ok=True)
        configuration = plan.state / "nginx.conf"
        configuration.write_text(_configure(plan))
        command = [
            *plan.within,
            self._program,
            "-p",
            str(plan.state),
            "-c",
            str(configuration),
            "-g",
            "daemon off;",
        ]
        with (
            (plan.state / "nginx.out").open("wb") as output,
            # A session of its own: Ctrl-C is for the benchmark, which then stops the server in peace.
            subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True) as server,
        ):
            try:
                _await(server, plan)
                yield
            finally:
                _stop(server)


def _configure(plan: Plan) -> str:
    # nginx gives up root's rights for its own user, who may not be allowed to read below a home directory.
    user = f"user {getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    return _CONFIGURATION.substitute(
        user=user,
        log_format=LOG_FORMAT,
        site=_quoted(plan.site),
        certificate=_quoted(plan.certificates.server),
        key=_quoted(plan.certificates.key),
        host=plan.addresses.host,
        page_port=plan.addresses.page_port,
        file_port=plan.addresses.file_port,
    )


def _quoted(path: Path) -> str:
    text = str(path.absolute())
    if set(text) & set('"\\$\n'):
        raise BenchmarkError(f"nginx cannot be told of a path with quotes, dollars or backslashes: {text}")
    return text


def _await(server: subprocess.Popen[bytes], plan: Plan) -> None:
    deadline = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        # It is written when the ports are open. To connect would not do: the server may be in another namespace.
        if _process_id(plan).exists():
            return
        time.sleep(0.05)
    said = (plan.state / "nginx.out").read_text(errors="replace").strip()
    raise BenchmarkError(f"nginx did not start (--server python needs none): {said or 'it said nothing'}")


def _process_id(plan: Plan) -> Path:
    return plan.state / "nginx.pid"


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
