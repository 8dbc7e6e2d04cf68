"""Pythons of this machine that can stand for a target: what a hook answers depends on who runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from packaging.tags import platform_tags

from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import InputError
from cachi2ish.sandbox.interface import Interpreter

_PROBE = """
import json, os, platform, sys, sysconfig
abi = sysconfig.get_config_var("SOABI") or ""
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": platform.python_version(),
    "implementation": {"cpython": "cp", "pypy": "pp"}.get(sys.implementation.name, ""),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "folders": [sys.base_prefix, sys.base_exec_prefix],
}))
"""

_SECONDS = 20


def find_interpreter(target: Target) -> Interpreter:
    """Return a Python that stands for ``target``; raises `InputError` where there is none on this machine."""
    if target.platform.tag not in platform_tags():
        raise InputError(
            f"--run-hooks: nothing on this machine runs what is built for {target.platform.tag}",
            hint="run it on such a machine, name another --target, or leave --run-hooks out",
        )
    minor = ".".join(map(str, target.python[:2]))
    free_threaded = target.abi.endswith("t")
    names = [f"python{minor}t"] if free_threaded else [f"python{minor}", "python3"]
    if target.implementation == "pp":
        names = [f"pypy{minor}", "pypy3"]
    commands = [sys.executable, *(path for name in names for path in _on_path(name))]
    for command in dict.fromkeys(commands):
        found = _probe(command)
        if found is None or (found["implementation"], found["free_threaded"]) != (
            target.implementation,
            free_threaded,
        ):
            continue
        version = str(found["version"])
        if version.startswith(f"{minor}."):
            folders = tuple(map(Path, dict.fromkeys(found["folders"])))
            _refuse_what_shows_the_home(command, folders)
            return Interpreter(Path(found["executable"]), version, folders)
    raise InputError(
        f"--run-hooks needs {target}, and there is no such Python on the PATH",
        hint=f"install {names[0]}, or name with --target the machine that builds",
    )


def _refuse_what_shows_the_home(command: str, folders: tuple[Path, ...]) -> None:
    """Raise `InputError` for a Python whose own folder holds the home of its user, or everything."""
    home = Path.home()
    for folder in folders:
        if home.is_relative_to(folder) or folder == Path(folder.anchor):
            raise InputError(
                f"--run-hooks: the sandbox would show all of {folder}, where {command} is installed",
                hint="install that Python into a folder of its own",
            )


def _on_path(name: str) -> list[str]:
    folders = os.get_exec_path()
    return [found for folder in folders if (found := shutil.which(name, path=folder))]


def _probe(command: str) -> dict[str, Any] | None:
    try:
        done = subprocess.run(
            [command, "-I", "-c", _PROBE], capture_output=True, check=False, timeout=_SECONDS, cwd="/"
        )
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return found if isinstance(found, dict) else None
