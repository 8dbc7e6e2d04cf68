"""The page about a first mirror, command by command, by somebody who has a clone and nothing else."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path

from harness import ROOT, Shell

PAGE = ROOT / "docs" / "first-mirror.md"

#: What is not in a fresh clone, at its top.
_MADE = {".git", ".venv", ".mypy_cache", ".hypothesis", "build", "dist", "site", "demo-output"}


def made(folder: str, names: list[str]) -> set[str]:
    """What of a folder is not copied."""
    return {one for one in names if one == "__pycache__" or (Path(folder) == ROOT and one in _MADE)}


def test_a_new_user_reaches_a_pinned_install_from_a_mirror_of_their_own(shell: Shell, tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    clone = shutil.copytree(ROOT, tmp_path / "clone", ignore=made)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    script = "\n".join(re.findall(r"^\$ (.+)$", "\n".join(blocks), re.MULTILINE)).replace("8417", port)
    text = f"set -m\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n{script}"
    command = ("timeout", "900", "bash", "-euo", "pipefail", "-c", text)
    done = shell.try_(*command, cwd=clone, HOME=str(tmp_path), CACHI2ISH_MIRROR_PORT=port)
    log = clone / "mirror.log"
    assert done.status == 0, f"{done.output}\n{done.errors}\n{log.read_text() if log.exists() else 'no mirror'}"
    shown = [line for block in blocks for line in block.splitlines() if not line.startswith("$ ")]
    assert len(shown) >= 10
    printed = iter(done.output.splitlines())
    assert [line for line in shown if line not in printed] == []  # in this order, whatever stands between
    assert (tmp_path / ".local" / "share" / "cachi2ish" / "mirror").is_dir()
