"""The page about an old example, command by command, with the Python and the pip of that time."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from conftest import cannot_run
from harness import BIN, ROOT, Shell

PAGE = ROOT / "docs" / "old-example.md"


def python_3_8() -> Path | None:
    places = [*os.environ["PATH"].split(os.pathsep), *map(str, Path.home().glob(".pyenv/versions/3.8.*/bin"))]
    return next((Path(one) for one in places if (Path(one) / "python3.8").is_file() and "shims" not in one), None)


def script(port: int) -> str:
    """The commands of the page, one after another; the place of the mirror is one that is free."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = re.findall(r"^\$ (.+(?:\n    .+)*)", "\n".join(blocks), re.MULTILINE)
    assert len(commands) >= 12
    return "\n".join(commands).replace("8417", str(port))


def test_an_old_example_runs_with_what_it_had_then(shell: Shell, tmp_path: Path) -> None:
    old = python_3_8()
    if old is None:
        cannot_run("no python3.8")
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
