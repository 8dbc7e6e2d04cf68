"""The page about an old example, command by command, with the Python and the pip of that time."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from conftest import find_python_3_8
from harness import BIN, ROOT, Shell

PAGE = ROOT / "docs" / "old-example.md"


def script(port: int) -> str:
    """The commands of the page, one after another; the place of the mirror is one that is free."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = re.findall(r"^\$ (.+(?:\n    .+)*)", "\n".join(blocks), re.MULTILINE)
    assert len(commands) >= 12
    return "\n".join(commands).replace("8417", str(port))


def test_an_old_example_runs_with_what_it_had_then(shell: Shell, tmp_path: Path) -> None:
    old = find_python_3_8().parent
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"PATH": f"{BIN}:{old}:{shell.environment['PATH']}"}
    text = "set -m\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n" + script(port)
    done = shell.try_("bash", "-euo", "pipefail", "-c", text, offline=False, cwd=tmp_path, **environment)
    assert done.status == 0, f"{done.output}\n{done.errors}"
    for line in ("attrs==20.2.0", "Flask==1.1.2", "20.2.0 1.1.2 2.24.0"):
        assert line in done.output
    assert "pip 20.2" in done.output
    assert "attrs-20.2.0-py2.py3-none-any.whl" in {path.name for path in (tmp_path / "out/deps/pip").iterdir()}
    page = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"^[A-Za-z]+==[0-9.]+$", page, re.MULTILINE)
    assert [line for line in shown if line not in done.output] == []
