"""Which server serves the mirror."""

from __future__ import annotations

import shutil
from typing import Literal, TypeAlias

from benchmarks.failures import BenchmarkError
from benchmarks.nginx import Nginx
from benchmarks.python_server import PythonServer
from benchmarks.serving import Server

Choice: TypeAlias = Literal["auto", "nginx", "python"]


def choose_server(choice: Choice) -> Server:
    """Take nginx where it is, else the one in Python. Raises BenchmarkError for an nginx that is not there."""
    nginx = find_nginx()
    if choice == "nginx" and nginx is None:
        raise BenchmarkError("there is no nginx on PATH; --server python needs none")
    return Nginx(nginx) if nginx and choice != "python" else PythonServer()


def find_nginx() -> str | None:
    # Debian has it where only root's PATH leads.
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/sbin")
