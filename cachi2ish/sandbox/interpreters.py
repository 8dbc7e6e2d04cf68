"""Pythons of this machine that can stand for a target: what a hook answers depends on who runs it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
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
    "folders": [os.path.realpath(one) for one in (sys.base_prefix, sys.base_exec_prefix)],
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
            refuse_what_shows_a_home(folders, hint=f"install {command} into a folder of its own")
            return Interpreter(Path(found["executable"]), version, folders)
    raise InputError(
        f"--run-hooks needs {target}, and there is no such Python on the PATH",
        hint=f"install {names[0]}, or name with --target the machine that builds",
    )


def homes() -> list[Path]:
    """Return the homes of who runs this, and of root, as they are named and as they are: none is the root."""
    found = {Path("/root")}
    with suppress(RuntimeError):
        found.add(Path.home())
    with suppress(KeyError):
        found.add(Path(pwd.getpwuid(os.geteuid()).pw_dir))
    found |= {Path(os.path.realpath(one)) for one in found}
    return sorted(one for one in found if one.is_absolute() and one != Path(one.anchor))


def refuse_what_shows_a_home(folders: Iterable[Path], hint: str) -> None:
    """Raise `InputError` for a folder that holds a home, or everything: the sandbox would show it."""
    for folder in map(Path, map(os.path.realpath, folders)):
        if folder == Path(folder.anchor):
            raise InputError(f"--run-hooks: the sandbox would show all of {folder}", hint=hint)
        for home in homes():
            if home.is_relative_to(folder):
                raise InputError(
                    f"--run-hooks: the sandbox would show all of {folder}, and so the home {home}", hint=hint
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
