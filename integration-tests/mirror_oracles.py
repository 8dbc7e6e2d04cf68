"""Compares the mirror with the index behind it, for real projects and dates: pages, uv and pip.

    python integration-tests/mirror_oracles.py [--projects 50] [--date 2024-05-01] [--work DIR]

A page as of a date has to have the files that the index itself says were uploaded before it. uv with
``--exclude-newer`` and pip with ``--uploaded-prior-to`` against the index have to choose what they choose from the
mirror, where they are told no date. Anybody can run it where there is an index; it takes half an hour, and prints
what it counts.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import requests
from harness import BIN, DATA, Done, Shell, clean_environment
from pypi_simple import PYPI_SIMPLE_ENDPOINT

#: Projects whose wheels are small, of all ages; the first twenty go together at each date.
PROJECTS = tuple((DATA / "mirror" / "projects.txt").read_text(encoding="utf-8").split())
DATES = ("2021-03-15", "2022-08-01", "2023-11-30", "2025-02-10")

_JSON = "application/vnd.pypi.simple.v1+json"

#: What is told to uv and to pip, so that this machine has no say in what they choose, and nothing is built.
_PYTHON = "3.9"
_WHEELS = ("--only-binary", ":all:")


def end_of(day: str) -> datetime:
    """Return the instant before which a file was there on a day."""
    return datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), UTC)


@dataclass
class Found:
    """What was compared, by what it was, and what differed."""

    compared: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def compare(self, what: str, there: object, here: object, count: int) -> None:
        """Note that the index and the mirror say the same of ``what``, or not."""
        kind = what.partition(" ")[0]
        self.compared[kind] += count
        if there != here:
            self.differences.append(f"{what}: {_difference(there, here)}")


@contextmanager
def serving(directory: Path, *registries: str) -> Iterator[str]:
    """Run a mirror, of PyPI where no registry is named; yields its address."""
    command = [str(BIN / "cachi2ish"), "mirror", "serve", "--directory", str(directory), "--port", "0"]
    command += [word for one in registries for word in ("--registry", one)]
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.match(r"serving (\S+)/ from ", line)
        assert found, line + process.stderr.read()
        yield found[1]
    finally:
        process.terminate()
        process.communicate(timeout=60)


def compare_pages(mirror: str, projects: Sequence[str], days: Sequence[str], found: Found) -> None:
    """Compare each page as of each day with the files of the index that were uploaded before its end."""
    certificates = os.environ.get("PIP_CERT") or True

    def pages(project: str) -> tuple[Any, list[Any]]:
        with requests.Session() as session:
            session.headers["Accept"] = _JSON
            now = session.get(f"{PYPI_SIMPLE_ENDPOINT}{project}/", timeout=60, verify=certificates)
            then = [session.get(f"{mirror}/{day}/simple/{project}/", timeout=60) for day in days]
        now.raise_for_status()
        return now.json(), [one.json()["files"] if one.ok else one.status_code for one in then]

    with ThreadPoolExecutor(8) as pool:
        for project, (now, then) in zip(projects, pool.map(pages, projects), strict=True):
            for day, files in zip(days, then, strict=True):
                instant = end_of(day)
                expected = [one for one in now["files"] if datetime.fromisoformat(one["upload-time"]) < instant]
                there = _listed(expected) or 404  # there was no such project yet
                here = _listed(files) if isinstance(files, list) else files
                found.compare(f"page of {project} at {day}", there, here, 1)
                found.compared["files"] += len(expected)


@dataclass(frozen=True)
class Choosers:
    """The uv and the pip of this environment. place: for what they write."""

    shell: Shell
    place: Path
    NO_SOLUTION: ClassVar[str] = "there is none"

    def uv(self, mirror: str, day: str, names: Sequence[str], found: Found) -> None:
        """Compare what uv locks, digests of all files included."""
        instant = f"{end_of(day):%Y-%m-%dT%H:%M:%SZ}"
        there = self._uv(names, PYPI_SIMPLE_ENDPOINT, "--exclude-newer", instant)
        here = self._uv(names, f"{mirror}/{day}/simple/")
        found.compare(f"uv at {day}: {' '.join(names)}", there, here, sum("==" in line for line in there))
        found.compared["uv: no solution"] += there == [self.NO_SOLUTION]

    def pip(self, mirror: str, day: str, names: Sequence[str], found: Found) -> None:
        """Compare what pip would install, with the digest of each file."""
        instant = f"{end_of(day):%Y-%m-%dT%H:%M:%SZ}"
        there = self._pip(names, PYPI_SIMPLE_ENDPOINT, "--uploaded-prior-to", instant)
        here = self._pip(names, f"{mirror}/{day}/simple/")
        found.compare(f"pip at {day}: {' '.join(names)}", there, here, sum("sha256" in line for line in there))
        found.compared["pip: no solution"] += there == [self.NO_SOLUTION]

    def _uv(self, names: Sequence[str], index: str, *options: str) -> list[str]:
        command: list[str | Path] = [
            BIN / "uv",
            "pip",
            "compile",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--generate-hashes",
        ]
        command += ["--python-version", _PYTHON, *_WHEELS, "--default-index", index, *options, "-"]
        done = self.shell.try_(*command, stdin="\n".join(names), UV_CACHE_DIR=str(self.place / "uv"))
        return done.output.splitlines() if done.status == 0 else [self._refusal(done)]

    def _pip(self, names: Sequence[str], index: str, *options: str) -> list[str]:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--report",
            "-",
        ]
        command += ["--python-version", _PYTHON, *_WHEELS, "--target", self.place / "none", "--index-url", index]
        done = self.shell.try_(*command, *options, *names, PIP_CACHE_DIR=str(self.place / "pip"))
        if done.status:
            return [self._refusal(done)]
        chosen = [(one["metadata"], one["download_info"]) for one in json.loads(done.output)["install"]]
        return sorted(f"{one['name']} {one['version']} {where['archive_info']['hash']}" for one, where in chosen)

    @classmethod
    def _refusal(cls, done: Done) -> str:
        """Return what stands for no answer. Its text names addresses, and what an index says beside the page."""
        known = ("No solution found", "No matching distribution", "ResolutionImpossible")
        return cls.NO_SOLUTION if any(one in done.errors for one in known) else done.errors


def _listed(files: Sequence[Any]) -> dict[str, tuple[object, ...]]:
    return {
        one["filename"]: (
            one["hashes"]["sha256"],
            one.get("size"),
            one.get("requires-python"),
            one.get("yanked", False),
            datetime.fromisoformat(one["upload-time"]),
        )
        for one in files
    }


def _difference(there: object, here: object) -> str:
    if isinstance(there, dict) and isinstance(here, dict):
        there, here = list(there.items()), list(here.items())
    if isinstance(there, list) and isinstance(here, list):
        there, here = [one for one in there if one not in here], [one for one in here if one not in there]
    return f"the index {str(there)[:500]}, the mirror {str(here)[:500]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=len(PROJECTS), help="only so many")
    parser.add_argument("--date", action="append", help="end of this day; may be given more than once")
    parser.add_argument("--work", type=Path, help="what is fetched stays here for the next time")
    arguments = parser.parse_args()
    projects, days = PROJECTS[: arguments.projects], arguments.date or DATES
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        found = Found()
        choosers = Choosers(Shell(clean_environment(), ()), work)
        with serving(work / "mirror") as mirror:
            compare_pages(mirror, projects, days, found)
            for day in days:
                choosers.uv(mirror, day, projects[:20], found)
                for project in projects:
                    choosers.uv(mirror, day, [project], found)
                    choosers.pip(mirror, day, [project], found)
                print(day, dict(found.compared), f"{len(found.differences)} differences", flush=True)
    print(*found.differences, sep="\n")
    return int(bool(found.differences))


if __name__ == "__main__":
    sys.exit(main())
