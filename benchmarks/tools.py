"""The programs that are compared, as they are found on this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import BenchmarkError

_PATIENCE = 60  # seconds until a program has said its version


@dataclass(frozen=True)
class Tool:
    """How a program is called, and what it says of its version."""

    command: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Tools:
    """``None``: it is not here, and its cases are left out."""

    cachi2ish: Tool
    curl: Tool
    pip: Tool | None
    uv: Tool | None
    hermeto: Tool | None

    def versions(self) -> tuple[str, ...]:
        found = (self.cachi2ish, self.curl, self.pip, self.uv, self.hermeto)
        return tuple(tool.version for tool in found if tool)

    def missing(self) -> tuple[str, ...]:
        """What is left out. Hermeto is not spoken of: few machines have it."""
        return tuple(name for name, tool in (("pip", self.pip), ("uv", self.uv)) if tool is None)


def find_tools(cachi2ish: str | None = None) -> Tools:
    """Look beside this interpreter first, then on PATH. ``cachi2ish``: the program to measure in its place.

    Raises BenchmarkError if cachi2ish or curl is not there: without them there is nothing to compare.
    """
    measured = _program(cachi2ish or "cachi2ish")
    if measured is None:
        raise BenchmarkError(f"there is no {cachi2ish or 'cachi2ish'} to measure")
    curl = _program("curl", "--parallel")
    if curl is None:
        raise BenchmarkError(
            "curl 7.66 or later, which has --parallel, is the limit of the comparison and not here"
        )
    hermeto = _program("hermeto")
    return Tools(
        cachi2ish=measured,
        curl=curl,
        pip=_tool((sys.executable, "-I", "-m", "pip")),
        uv=_program("uv"),
        # cachi2ish answers to that name, too, where it takes Hermeto's place.
        hermeto=None if hermeto and "cachi2ish" in hermeto.version else hermeto,
    )


def _program(name: str, *options: str) -> Tool | None:
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(name)
    return _tool((str(Path(found).absolute()),), *options) if found else None


def _tool(command: tuple[str, ...], *options: str) -> Tool | None:
    try:
        said = subprocess.run(
            [*command, *options, "--version"], capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = said.stdout.split()[:2]
    return Tool(command, " ".join(words)) if said.returncode == 0 and words else None
