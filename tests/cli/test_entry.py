"""Ctrl-C while the program is still being loaded."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Stands where a library would be loaded from, and there the person has changed their mind.
_LIBRARY = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\nprint('went on')\n"


@pytest.mark.parametrize(
    ("wish", "status"),
    [(signal.default_int_handler, -signal.SIGINT), (signal.SIG_IGN, 1)],
    ids=["interrupted", "ignored, as behind nohup"],
)
def test_ctrl_c_at_the_beginning_leaves_no_traceback(tmp_path: Path, wish: object, status: int) -> None:
    (tmp_path / "typer.py").write_text(_LIBRARY)
    ignore = "trap '' INT; " if wish is signal.SIG_IGN else ""
    command = f'{ignore}exec "{sys.executable}" -m cachi2ish --version'
    ended = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status
    if ignore:
        assert ended.stdout == "went on\n"  # and then it misses the library
    else:
        assert ended.stdout + ended.stderr == ""


def test_each_program_of_the_distribution_is_there() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for place in scripts.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))
