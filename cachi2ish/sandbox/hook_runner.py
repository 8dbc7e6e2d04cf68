"""Puts a question to a back-end in the sandbox: what the jail is furnished with, and what its end means."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.messages import excerpt
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import InputError
from cachi2ish.files.scratch import scratch_directory
from cachi2ish.sandbox.interface import FirstBuild, HookFailedError, HookQuestion, Interpreter, Limits
from cachi2ish.sandbox.interpreters import find_interpreter, homes, refuse_what_shows_a_home

_WITHIN = Path(__file__).with_name("within.py")

#: Starts `cachi2ish.sandbox.jail`, which needs no library: its folder is the last place to look in.
_JAIL = "import sys; sys.path.append(sys.argv[1]); from cachi2ish.sandbox.jail import main; main()"

#: What programs need of the system, as it is there; of /etc no more than says where libraries are.
_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/os-release",
)

#: Folders that are made. Those of messages and of the answer have a size of their own, in bytes.
_APART = {"/build/messages": 16 << 20, "/build/answer": 2 << 20}
_FOLDERS = ("/build", "/build/home", "/build/files", *_APART, "/tmp", "/dev/shm")  # noqa: S108  (within the sandbox)
_PATH = "/build/env/bin:/build/tools:/usr/local/bin:/usr/bin:/bin"
_USERS = "root:x:0:0:root:/build/home:/bin/sh\nnobody:x:65534:65534:nobody:/build/home:/bin/sh\n"

#: Programs that back-ends look for: those that are not named as tools are hidden.
_TOOLS = ("cargo", "cmake", "cmake3", "ninja", "ninja-build", "patchelf", "samu")

#: Requirements of one answer, and characters of each: many more than back-ends ask for.
_MOST, _LONGEST = 300, 500

#: What the sandbox may take beside the code in it, in seconds.
_GRACE = 60

_NEEDS = (
    "it needs Linux 5.12 with user namespaces: sysctl kernel.unprivileged_userns_clone=1,"
    " kernel.apparmor_restrict_unprivileged_userns=0; in a container, --security-opt seccomp=unconfined"
    " --security-opt unmask=ALL; or leave --run-hooks out"
)

_OUTSIDE = "have the home outside of the folders of the system and of Python"


class SandboxedHooks:
    """Implements `HookRunner`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._interpreters = OncePerKey(find_interpreter)

    def check(self) -> None:
        """Raise `InputError` where there can be no sandbox, with the reason."""
        if sys.platform != "linux":
            raise InputError(f"--run-hooks: there is no sandbox on {sys.platform}", hint=_NEEDS)
        folders = [Path(os.path.realpath(one)) for one in (sys.base_prefix, sys.base_exec_prefix)]
        own = Interpreter(Path(os.path.realpath(sys.executable)), "", tuple(folders))
        outcome = self._run(_plan([str(own.executable), "-I", "-S", "-c", ""], own, (), self._limits, {}))
        if outcome.get("status") != 0:
            reason = outcome.get("refused") or outcome.get("messages") or outcome.get("excess")
            raise InputError(f"--run-hooks: there is no sandbox here: {excerpt(str(reason))}", hint=_NEEDS)

    def interpreter(self, target: Target) -> Interpreter:
        """Return a Python that stands for ``target``; raises `InputError` where this machine has none."""
        return self._interpreters(target)

    def tool(self, name: str) -> Path | None:
        """Return where a program is on this machine, None where it is not."""
        found = shutil.which(name)
        return None if found is None else Path(found)

    def ask(self, question: HookQuestion, interpreter: Interpreter) -> tuple[str, ...]:
        """Return the requirements that the hooks ask for, each once; raises `HookFailedError`.

        Raises `InputError` for the folder of a project that holds a home: it would be copied.
        """
        if question.source.is_dir():
            refuse_what_shows_a_home([question.source], hint="name with --source the folder of the project alone")
        files = {one.source_name: one.source for one in question.builds}
        for wheels in (question.wheels, *(one.wheels for one in question.builds)):
            files.update(wheels)
        copies = [(str(path), f"/build/files/{name}") for name, path in files.items()]
        archive = "" if question.source.is_dir() else f"/build/files/{question.source_name}"
        copies.append((str(question.source), archive or "/build/source"))
        made = {one.source_name: f"/build/wheels/{number}" for number, one in enumerate(question.builds)}
        words = {
            **_words(question, archive, made),
            "builds": [_words(one, f"/build/files/{one.source_name}", made) for one in question.builds],
            "hooks": question.hooks,
            "homes": sorted({"/home", *map(str, homes())}),
            "kept": [str(folder) for folder in interpreter.folders],
        }
        texts = {"/build/question.json": json.dumps(words), "/build/within.py": _WITHIN.read_text()}
        tools = [(name, path) for name in sorted(question.tools) if (path := self.tool(name)) is not None]
        command = [str(interpreter.executable), "-I", "-S", "/build/within.py", "unpack"]
        plan = _plan(command, interpreter, tools, self._limits, texts)
        return self._answer(self._run({**plan, "copies": copies}))

    def _run(self, plan: Mapping[str, Any]) -> Mapping[str, Any]:
        with scratch_directory("cachi2ish-sandbox-") as root:
            command = [sys.executable, "-I", "-S", "-c", _JAIL, str(Path(__file__).parents[2])]
            try:
                done = subprocess.run(
                    command,
                    input=json.dumps({**plan, "root": str(root)}),
                    capture_output=True,
                    text=True,
                    env={},
                    timeout=self._limits.seconds + _GRACE,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return {"excess": "time"}
            with suppress(ValueError):
                found = json.loads(done.stdout)
                if isinstance(found, dict):
                    return found
            return {"refused": (done.stderr.strip().splitlines() or ["it said nothing"])[-1]}

    def _answer(self, outcome: Mapping[str, Any]) -> tuple[str, ...]:
        if "refused" in outcome:
            raise HookFailedError(f"the sandbox could not be made: {excerpt(outcome['refused'])}")
        if "excess" in outcome:
            raise HookFailedError(f"its hook was ended: it {self._excess(outcome['excess'])}")
        found: object = None
        with suppress(ValueError):
            try:
                found = json.loads(outcome["answer"])
            except RecursionError:
                raise HookFailedError("its answer was not taken: it has lists in lists without end") from None
        requires = found.get("requires") if isinstance(found, dict) else None
        if outcome["status"] == 0 and isinstance(requires, list):
            return _whole(requires)
        problem = found.get("problem") if isinstance(found, dict) else None
        if not problem:
            said = outcome["messages"].strip().splitlines() or [f"status {outcome['status']}"]
            problem = f"it ended with {said[-1]}"
        building = found.get("building") if isinstance(found, dict) else None
        what = f"{excerpt(str(building))} was not built for it" if building else "its hook was ended"
        raise HookFailedError(f"{what}: {excerpt(str(problem))}")

    def _excess(self, what: str) -> str:
        return {
            "time": f"ran longer than {self._limits.seconds:g} seconds",
            "memory": f"took more than {self._limits.memory >> 20} MiB of memory",
            "processes": f"started more than {self._limits.processes} processes",
        }[what]


def _words(one: HookQuestion | FirstBuild, archive: str, made: Mapping[str, str]) -> Mapping[str, object]:
    """Return a build as `within` reads it. made: folders in which there will be a wheel, by sdist."""
    return {
        "archive": archive,
        "wheels": [*(f"/build/files/{name}" for name in one.wheels), *(made[name] for name in one.built)],
        "backend": one.backend,
        "backend_path": one.backend_path,
    }


def _whole(requires: Sequence[object]) -> tuple[str, ...]:
    """Return an answer as it is, each requirement once; raises `HookFailedError` where it would have to be cut."""
    if len(requires) > _MOST:
        raise HookFailedError(f"its answer was not taken: it asks for more than {_MOST} requirements")
    texts: dict[str, None] = {}
    for one in requires:
        if not isinstance(one, str) or any("\ud800" <= char <= "\udfff" for char in one):
            raise HookFailedError("its answer was not taken: it asks for what is no text")
        if len(text := " ".join(one.split())) > _LONGEST:
            raise HookFailedError(
                f"its answer was not taken: it asks for more than {_LONGEST} characters in one requirement"
            )
        texts[text] = None
    return tuple(texts)


def _plan(
    command: Sequence[str],
    interpreter: Interpreter,
    tools: Sequence[tuple[str, Path]],
    limits: Limits,
    texts: Mapping[str, str],
) -> Mapping[str, Any]:
    binds = [(path, path) for path in _SYSTEM if os.path.lexists(path)]
    binds += [
        (str(one), str(one)) for one in dict.fromkeys(interpreter.folders) if not f"{one}/".startswith("/usr/")
    ]
    refuse_what_shows_a_home((Path(source) for source, _ in binds), hint=_OUTSIDE)
    binds += [(str(path.resolve()), f"/build/tools/{name}") for name, path in tools]
    there = {name for name, _ in tools}
    folders = ("/usr/local/bin", "/usr/bin", "/bin")
    return {
        "command": command,
        "binds": binds,
        "copies": [],
        "texts": {"/etc/passwd": _USERS, **texts},
        "folders": _FOLDERS,
        "hidden": [
            str(Path(folder, name).resolve())
            for name in _TOOLS
            for folder in folders
            if name not in there and Path(folder, name).exists()
        ],
        "home": "/build/home",
        "apart": _APART,
        "messages": "/build/messages/text",
        "answer": "/build/answer/answer.json",
        "space": limits.space,
        "memory": limits.memory,
        "seconds": limits.seconds,
        "processes": limits.processes,
        "environ": {
            "PATH": _PATH,
            "HOME": "/build/home",
            "TMPDIR": "/tmp",  # noqa: S108
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "SOURCE_DATE_EPOCH": "315532800",
        },
    }
