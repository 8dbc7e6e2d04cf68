"""The projects whose dependencies are fetched: work trees of git with a requirements file, as users have them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import BenchmarkError
from benchmarks.serving import Addresses

_PROJECT = '[project]\nname = "bench-app"\nversion = "1.0"\n'

_GIT = (
    ("init", "--quiet"),
    ("remote", "add", "origin", "https://git.example/bench/app.git"),
    ("add", "--all"),
    ("-c", "user.name=bench", "-c", "user.email=bench@git.example", "commit", "--quiet", "--message", "start"),
)


@dataclass(frozen=True)
class Sources:
    """One for each kind of page; ``pins`` is a requirements file without an index, for installers."""

    json: Path
    html: Path
    pins: Path


def write_sources(
    folder: Path, requirements: str, addresses: Addresses, environment: Mapping[str, str]
) -> Sources:
    """Write both projects into a new ``folder``. Raises BenchmarkError if git fails."""
    for name, index_url in (("json", addresses.index_url), ("html", addresses.html_index_url)):
        source = folder / name
        source.mkdir(parents=True)
        (source / "pyproject.toml").write_text(_PROJECT)
        (source / "requirements.txt").write_text(f"--index-url {index_url}\n{requirements}")
        for step in _GIT:
            _git(source, step, environment)
    pins = folder / "pins.txt"
    pins.write_text(requirements)
    return Sources(folder / "json", folder / "html", pins)


def _git(source: Path, step: tuple[str, ...], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            ["git", *step], cwd=source, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BenchmarkError("there is no git on PATH") from error
    if done.returncode:
        raise BenchmarkError(f"git {step[0]} failed: {done.stderr.strip()}")
