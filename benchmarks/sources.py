"""The projects whose dependencies are fetched: work trees of git with a requirements file, as users have them."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import BenchmarkError
from benchmarks.serving import Addresses
from benchmarks.workload import Pin, read_pins

_PROJECT = '[project]\nname = "bench-app"\nversion = "1.0"\n'

_GIT = (
    ("init", "--quiet"),
    ("remote", "add", "origin", "https://git.example/bench/app.git"),
    ("add", "--all"),
    ("-c", "user.name=bench", "-c", "user.email=bench@git.example", "commit", "--quiet", "--message", "start"),
)


@dataclass(frozen=True)
class Sources:
    """One for each kind of page.

    held: its lock names nothing but files that the mirror has. pins: a requirements file without an index, for
    installers.
    """

    json: Path
    html: Path
    held: Path
    pins: Path


def write_sources(
    folder: Path, requirements: str, held: Collection[str], addresses: Addresses, environment: Mapping[str, str]
) -> Sources:
    """Write the projects into a new ``folder``. held: the sha256 of what the mirror has.

    Raises BenchmarkError if git fails.
    """
    few = lock(read_pins(requirements), held)
    of_json, of_html = (f"--index-url {url}\n" for url in (addresses.index_url, addresses.html_index_url))
    return Sources(
        json=write_source(folder / "json", of_json + requirements, environment),
        html=write_source(folder / "html", of_html + requirements, environment),
        held=write_source(folder / "held", of_json + few, environment),
        pins=_written(folder / "pins.txt", requirements),
    )


def write_source(source: Path, requirements: str, environment: Mapping[str, str]) -> Path:
    """Write a new project with this requirements file. Raises BenchmarkError if git fails."""
    source.mkdir(parents=True)
    (source / "pyproject.toml").write_text(_PROJECT)
    (source / "requirements.txt").write_text(requirements)
    for step in _GIT:
        _git(source, step, environment)
    return source


def lock(pins: Iterable[Pin], held: Collection[str]) -> str:
    """Write pins with those of their digests that are ``held``."""
    return "".join(
        " \\\n    ".join([f"{pin.project}=={pin.version}", *(f"--hash=sha256:{one}" for one in digests)]) + "\n"
        for pin in pins
        if (digests := sorted(pin.digests & set(held)))
    )


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _git(source: Path, step: tuple[str, ...], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            ["git", *step], cwd=source, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BenchmarkError("there is no git on PATH") from error
    if done.returncode:
        raise BenchmarkError(f"git {step[0]} failed: {done.stderr.strip()}")
