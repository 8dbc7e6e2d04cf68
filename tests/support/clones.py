"""Clones of this project as a machine sees them that sets one up: the Makefile is the real one, the rest is small.

The locks pin three projects, and the index has a newer release of each. They hold the trap that once made set-up
fail: ``tool`` asks for an extra of ``core`` that no pin names, since ``uv pip compile`` strips extras. pip before
23.3 then prefers the newest ``core`` to the pin, and refuses it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import IndexServer

MAKEFILE = Path(__file__).parents[2] / "Makefile"

READER = make_wheel("reader", "1.0")
CORE = make_wheel("core", "1.0", requires=('reader; extra == "toml"',))
TOOL = make_wheel("tool", "1.0", requires=("core[toml]>=0.9",))
PINS = {"core": CORE, "reader": READER, "tool": TOOL}

_NEWER = {
    "core": make_wheel("core", "2.0", requires=('reader; extra == "toml"',)),
    "reader": make_wheel("reader", "2.0"),
    "tool": make_wheel("tool", "2.0", requires=("core[toml]>=2", "nobody-pins-this")),
}

_PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "cachi2ish"
version = "0.0"
dependencies = ["tool"]
"""

#: Builds by copying: what the project itself is built with is not what these clones are about.
_BACKEND = """\
import pathlib
import shutil

WHEEL = "cachi2ish-0.0-py3-none-any.whl"


def build_wheel(folder, settings=None, metadata=None):
    shutil.copy(WHEEL, folder)
    return WHEEL


build_editable = build_wheel
"""

#: A Python whose virtual environments have another pip, as those of another machine would.
_PYTHON = """\
#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec "{python}" "$@"
shift 2
"{python}" -m venv --without-pip "$@"
for folder; do :; done
cp -R "{pip}/." "$folder"/lib/python*/site-packages/
"""


@dataclass(frozen=True)
class Clone:
    """A folder to run ``make`` in. python: what makes its environments."""

    folder: Path
    python: Path
    index: IndexServer

    @property
    def makefile(self) -> Path:
        return self.folder / "Makefile"

    def lock(self, *dists: Dist) -> None:
        """Pin these with their digests; each file name begins with a name and a version."""
        pins = ("{}=={}".format(*dist.filename.removesuffix(".tar.gz").split("-")[:2]) for dist in dists)
        lines = (f"{pin} {dist.hash_option()}\n" for pin, dist in zip(pins, dists, strict=True))
        (self.folder / "requirements" / "dev.txt").write_text("".join(lines))
        for name in ("image.txt", "build.txt"):
            shutil.copy(self.folder / "requirements" / "dev.txt", self.folder / "requirements" / name)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``make`` with the environment in ``there`` and the index on loopback."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "MAKE"))}
        return subprocess.run(
            ["make", f"PYTHON={self.python}", "VENV=there", *arguments],
            cwd=self.folder,
            env={**kept, "PIP_INDEX_URL": self.index.index_url, "PIP_NO_CACHE_DIR": "1", "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self, environment: Path) -> dict[str, str]:
        """The versions of what an environment holds, pip and the project aside."""
        found = (path.name.removesuffix(".dist-info").split("-") for path in environment.rglob("*.dist-info"))
        return {name: version for name, version in found if name not in {"pip", "setuptools", "cachi2ish"}}

    def asked_beyond(self, *dists: Dist) -> set[str]:
        """What the index was asked for, other than the pages and the files of these."""
        pages = {f"/simple/{dist.filename.split('-')[0]}/" for dist in dists}
        return set(self.index.paths) - pages - {f"/files/{dist.filename}" for dist in dists}


def make_clone(folder: Path, index: IndexServer, pip: Path | None = None) -> Clone:
    """Make a clone, and fill the index. pip: the folder of an unpacked pip; None: the one that Python brings."""
    for project, dist in (*PINS.items(), *_NEWER.items()):
        index.add(project, dist)
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(MAKEFILE, folder)
    (folder / "pyproject.toml").write_text(_PROJECT)
    (folder / "backend.py").write_text(_BACKEND)
    make_wheel("cachi2ish", "0.0", requires=("tool",)).write(folder)
    python = Path(sys.executable)
    if pip is not None:
        python = folder / "python"
        python.write_text(_PYTHON.format(python=sys.executable, pip=pip))
        python.chmod(0o755)
    clone = Clone(folder, python, index)
    clone.lock(*PINS.values())
    return clone


def check_make_venv(clone: Clone) -> None:
    """Run ``make venv``: what is pinned is installed, and nothing else is asked for."""
    done = clone.make("venv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert clone.installed(clone.folder / "there") == dict.fromkeys(PINS, "1.0")
    assert clone.asked_beyond(*PINS.values()) == set()
