"""The tutorial's own commands, as they stand in the page, up to the install (which ``test_example.py`` does)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from harness import BIN, EXAMPLE, ROOT, Shell

TUTORIAL = ROOT / "docs" / "tutorial.md"


def commands() -> list[str]:
    text = TUTORIAL.read_text(encoding="utf-8")
    found = re.findall(r"^\$ (.+)$", text, re.MULTILINE)
    first, last = (next(i for i, line in enumerate(found) if word in line) for word in ("--version", "unshare"))
    return found[first:last]


def test_every_command_of_the_tutorial_runs(shell: Shell, cache_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "docs" / "examples" / "notes")
    environment = {"PATH": f"{BIN}:{shell.environment['PATH']}", "CACHI2ISH_CACHE_DIR": str(cache_dir)}
    assert len(commands()) >= 8
    for command in commands():
        done = shell.try_("bash", "-euo", "pipefail", "-c", command, offline=False, cwd=tmp_path, **environment)
        # head closes the pipe when it has seen enough.
        assert done.status == 0 or "| head" in command, f"{command}\n{done.output}\n{done.errors}"
    assert (tmp_path / "demo-output" / "out" / "bom.json").is_file()
