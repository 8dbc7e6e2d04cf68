"""Find what is needed to build every sdist of a lock file, and pin it with digests.

    python find_build_requirements.py requirements.txt > requirements-build.txt

Projects that are to come as wheels, and so need not be built, are named with `--wheel NAME`, before the file.

Each sdist is asked for its build requirements: those that stand in its pyproject.toml (PEP 518), and those that
its build backend adds when it is called (PEP 517, get_requires_for_build_wheel). What these need to be built is
found in the same way, until nothing new appears. Requirements that cannot live together (one package builds with
setuptools below 81, another with 82 or later) are put into groups of their own: every build has an environment
for itself, so a lock of build requirements may hold two versions of one project.

Needs `build`, `packaging`, `pypi-simple` and `uv`, as in this project's development environment. It runs the build
backends of the packages, as building them does: use it where you would build them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pypi_simple
from build import ProjectBuilder
from build.env import DefaultIsolatedEnv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pyproject_hooks import quiet_subprocess_runner

Pin = tuple[str, str]

#: Python 3.11 has filters from 3.11.4 on, and Debian 12 has 3.11.2.
FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}

#: The oldest Python that the result is for; the universal resolution covers this one and all later.
OLDEST_PYTHON = "3.11"

HEADER = """\
# What the sdists of {files} are built with, and what that is built with; made with
#    python docs/examples/find_build_requirements.py {arguments} > {output}
"""


def main() -> None:
    options = arguments()
    wheels = {canonicalize_name(name) for name in options.wheel}
    pinned = [pin for name in options.files for pin in pins_of(Path(name).read_text(encoding="utf-8"))]
    pending = [pin for pin in pinned if pin[0] not in wheels]
    index = pypi_simple.PyPISimple(os.environ.get("PIP_INDEX_URL", pypi_simple.PYPI_SIMPLE_ENDPOINT))
    groups: list[set[str]] = []
    seen: set[Pin] = set()
    with index, tempfile.TemporaryDirectory() as folder:
        while pending:
            for pin in pending:
                seen.add(pin)
                requirements = build_requirements(fetch(index, *pin, Path(folder)))
                sys.stderr.write(f"{pin[0]} {pin[1]} needs {sorted(requirements) or 'nothing'}\n")
                add_to_a_group(groups, requirements)
            found = {pin for group in groups for pin in pins_of(resolve(group) or "")}
            pending = sorted(pin for pin in found - seen if pin[0] not in wheels)
    lines = sorted({block for group in groups for block in blocks(resolve(group) or "")})
    sys.stdout.write(header(options.files) + "".join(lines))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find what is needed to build every sdist of a lock file.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a lock file")
    parser.add_argument("--wheel", action="append", default=[], metavar="NAME", help="a project not to be built")
    return parser.parse_args()


def header(files: Sequence[str]) -> str:
    output = f"{files[0].removesuffix('.txt')}-build.txt"
    return HEADER.format(files=" and ".join(files), arguments=" ".join(sys.argv[1:]), output=output)


def pins_of(lock: str) -> list[Pin]:
    """Return name and version of every pinned line."""
    lines = (line.partition(" \\")[0] for line in lock.splitlines() if "==" in line and line[0].isalnum())
    requirements = [Requirement(line) for line in lines]
    return [(canonicalize_name(r.name), next(iter(r.specifier)).version) for r in requirements]


def fetch(index: pypi_simple.PyPISimple, name: str, version: str, folder: Path) -> Path:
    """Download and unpack the sdist; return the folder that holds the project."""
    files = [
        file
        for file in index.get_project_page(name).packages
        if file.package_type == "sdist" and is_version(file.version, version)
    ]
    if not files:
        sys.exit(f"{name}=={version} has no sdist")
    file = min(files, key=lambda file: not file.filename.endswith(".tar.gz"))
    archive = folder / file.filename
    index.download_package(file, archive, verify=True)
    target = folder / f"{name}-{version}"
    if file.filename.endswith(".zip"):
        with zipfile.ZipFile(archive) as unzipped:
            unzipped.extractall(target)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(target, **FILTER)
    return next(path for path in target.iterdir() if path.is_dir())


def is_version(stated: str | None, version: str) -> bool:
    """Whether the two are one version; the old files of an index have versions that are none (PEP 440)."""
    try:
        return stated is not None and Version(stated) == Version(version)
    except InvalidVersion:
        return False


def build_requirements(project: Path) -> set[str]:
    """Return the static and the dynamic build requirements of an unpacked sdist."""
    with contextlib.redirect_stdout(sys.stderr), DefaultIsolatedEnv(installer="uv") as environment:
        builder = ProjectBuilder.from_isolated_env(environment, project, runner=quiet_subprocess_runner)
        static = builder.build_system_requires
        environment.install(static)
        return static | builder.get_requires_for_build("wheel")


def add_to_a_group(groups: list[set[str]], requirements: set[str]) -> None:
    """Add to the first group that can still be resolved with it."""
    for group in groups:
        if requirements <= group:
            return
    for group in groups:
        if resolve(group | requirements) is not None:
            group.update(requirements)
            return
    if requirements:
        groups.append(set(requirements))


def resolve(requirements: set[str]) -> str | None:
    """Return a lock with digests, or None where the requirements exclude each other."""
    command = "uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate"
    done = subprocess.run(
        [*command.split(), "--python-version", OLDEST_PYTHON, "-"],
        input="\n".join(sorted(requirements)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout
    if "No solution found" not in done.stderr:
        sys.exit(done.stderr)
    return None


def blocks(lock: str) -> list[str]:
    """Split a lock into one text per requirement, continuation lines included."""
    found: list[str] = []
    for line in lock.splitlines(keepends=True):
        if line[0].isalnum():
            found.append(line)
        else:
            found[-1] += line
    return found


if __name__ == "__main__":
    main()
