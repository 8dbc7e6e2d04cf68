"""What the integration tests work with: the installed commands, and a place without a network."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"
EXAMPLE = ROOT / "docs" / "examples" / "notes"
BIN = Path(sys.executable).parent

#: How pip installs a lock, and nothing but what it pins: no test may depend on what others release.
PINNED = ("--no-deps", "--require-hashes", "--only-binary", ":all:")

#: What ``generate-env`` sets.
VARIABLES = (
    "PDM_PYPI_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_FIND_LINKS",
    "UV_OFFLINE",
)

#: Prints whether the kernel knows a way to an address that is set aside for documentation. Sends nothing.
ROUTE_PROBE = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect(("192.0.2.1", 9))
"""


def clean_environment() -> dict[str, str]:
    """The caller's environment without what would steer pip, uv, git or cachi2ish; certificates stay."""
    steering = ("PIP_", "UV_", "CACHI2ISH_", "GIT_CONFIG", "PYTHON")
    kept = {"PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PYTHONDONTWRITEBYTECODE"}
    clean = {name: value for name, value in os.environ.items() if name in kept or not name.startswith(steering)}
    return {
        **clean,
        "PIP_CONFIG_FILE": os.devnull,
        "CACHI2ISH_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@cache
def cut_off_command() -> tuple[str, ...] | None:
    """The command that runs another one in a network namespace of its own, or None where none can be made."""
    for command in (("unshare", "--net"), ("unshare", "--map-root-user", "--net")):
        if shutil.which("unshare") is None:
            return None
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return None


@dataclass(frozen=True)
class Shell:
    """Runs programs with a clean environment. cut_off: the prefix that takes the network away."""

    environment: Mapping[str, str]
    cut_off: tuple[str, ...]

    def try_(
        self,
        *command: str | Path,
        offline: bool = False,
        cwd: Path | None = None,
        stdin: str | None = None,
        **environment: str,
    ) -> Done:
        """Run a program to its end, whatever that is."""
        done = subprocess.run(
            [*(self.cut_off if offline else ()), *map(str, command)],
            cwd=cwd,
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(
        self,
        *command: str | Path,
        offline: bool = False,
        cwd: Path | None = None,
        stdin: str | None = None,
        **environment: str,
    ) -> str:
        """Run a program that must succeed; return what it printed to standard output."""
        done = self.try_(*command, offline=offline, cwd=cwd, stdin=stdin, **environment)
        assert done.status == 0, f"{' '.join(map(str, command))}: exit {done.status}\n{done.output}\n{done.errors}"
        return done.output

    def fetch(self, source: Path, output: Path, cache: Path, *options: str, offline: bool = False) -> Done:
        """Run ``cachi2ish fetch-deps``; the last option is the input."""
        places = ("--source", str(source), "--output", str(output), "--cache-dir", str(cache))
        done = self.try_(BIN / "cachi2ish", "fetch-deps", *places, *options, offline=offline)
        assert done.status == 0, f"exit {done.status}\n{done.output}\n{done.errors}"
        return done

    def variables(self, output: Path) -> dict[str, str]:
        """What ``cachi2ish generate-env`` says, read back by a shell."""
        file = output.with_suffix(".env")
        self.run(BIN / "cachi2ish", "generate-env", output, "--output", file)
        names = " ".join(f'"${name}"' for name in VARIABLES)
        values = self.run("sh", "-c", f'. "$0"; printf "%s\\n" {names}', file)
        return dict(zip(VARIABLES, values.splitlines(), strict=True))

    def new_environment(self, folder: Path) -> Path:
        """Make a virtual environment, and return its interpreter."""
        self.run(sys.executable, "-m", "venv", folder)
        return folder / "bin" / "python"

    def pip_install(self, python: Path, output: Path, *arguments: str, cwd: Path) -> None:
        """Install with pip from an output, without a network and without anything that pip has built before."""
        cache = str(python.parent.parent / "pip-cache")
        install: tuple[str | Path, ...] = (python, "-m", "pip", "install", "--quiet", *arguments)
        self.run(*install, offline=True, cwd=cwd, PIP_CACHE_DIR=cache, **self.variables(output))

    def uv_install(self, python: Path, output: Path, *arguments: str, cwd: Path) -> None:
        """Install with uv from an output, without a network and with an empty cache of uv's."""
        cache = str(python.parent.parent / "uv-cache")
        install: tuple[str | Path, ...] = (BIN / "uv", "pip", "install", "--quiet", "--python", python, *arguments)
        self.run(*install, offline=True, cwd=cwd, UV_CACHE_DIR=cache, **self.variables(output))


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    status: int
    output: str
    errors: str


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with the sha256 of its bytes, and every folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "/"
        for path in sorted(folder.rglob("*"))
    }
