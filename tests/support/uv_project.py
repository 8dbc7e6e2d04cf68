"""A project that the real uv locks, against an index on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UV = Path(sys.executable).parent / "uv"


def indexes_of(public: str, private: str) -> str:
    """The end of a ``pyproject.toml``: an index for all, and one that is asked for what names it alone."""
    return (
        f'[[tool.uv.index]]\nname = "private"\nurl = "{private}"\nexplicit = true\n'
        f'[[tool.uv.index]]\nname = "public"\nurl = "{public}"\ndefault = true\n'
    )


def member(name: str, *needs: str, python: str = ">=3.9", more: str = "") -> str:
    """The ``pyproject.toml`` of a member of a workspace."""
    head = f'[project]\nname = "{name}"\nversion = "0"\nrequires-python = "{python}"\n'
    return f"{head}dependencies = {json.dumps(needs)}\n{more}"


@dataclass(frozen=True)
class UvProject:
    """folder: of the project. Nothing of the user's settings is read, and nothing but loopback is asked."""

    folder: Path
    program: Path = UV

    def writes(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def uv(self, *arguments: str | Path, expect: int = 0, **environ: str) -> str:
        """Run uv; return what it writes."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            env=self._environ() | environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == (expect == 0), done.stderr
        return done.stdout if expect == 0 else done.stderr

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        home = self.folder.parent / "home-of-uv"
        return {
            **kept,
            "HOME": str(home),
            "UV_CACHE_DIR": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home),
            "XDG_CONFIG_DIRS": str(home),
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
        }
