"""The sandbox as the other rooms see it: a question to a build back-end, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Cachi2ishError, raise_all

#: PEP 517 and PEP 660: what each kind of build needs beside what is declared.
OF_WHEEL = "get_requires_for_build_wheel"
OF_EDITABLE = "get_requires_for_build_editable"

#: What to do where a tool is not on this machine.
INSTALL_TOOL = "install it, so that back-ends find it as they will in the build"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the code may take, all of its processes together.

    seconds: by the clock. memory, space: bytes, in memory and in the scratch folder (which is in memory too).
    """

    seconds: float = 60
    memory: int = 2 << 30
    processes: int = 128
    space: int = 1 << 30


@dataclass(frozen=True, slots=True)
class FirstBuild:
    """An sdist of the environment: a wheel is made of it first, in the sandbox.

    backend: as ``build-backend`` has it. wheels: what it is built with, by file name. built: sdists of which a
    wheel was made before; it is built with those too.
    """

    source: Path
    source_name: str
    backend: str
    backend_path: tuple[str, ...]
    wheels: Mapping[str, Path]
    built: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HookQuestion:
    """What a back-end is asked.

    source: an sdist, or the folder of a project. wheels: what is installed beside the back-end, by file name.
    backend: as ``build-backend`` has it. hooks: which are called, in this order. tools: programs that are there.
    builds: what wheels are made of first, each after those that it needs. built: those that are installed too.
    """

    source: Path
    source_name: str
    backend: str
    backend_path: tuple[str, ...]
    hooks: tuple[str, ...]
    wheels: Mapping[str, Path]
    tools: frozenset[str]
    builds: tuple[FirstBuild, ...] = ()
    built: tuple[str, ...] = ()


class HookFailedError(Exception):
    """A hook that has no answer: it failed, or it was ended. The message is a clause."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine. version: the full one. folders: what it needs of the file system."""

    executable: Path
    version: str
    folders: tuple[Path, ...]


class HookRunner(Protocol):
    """Calls hooks of build back-ends where they can do no harm. Safe for many threads."""

    def check(self) -> None:
        """Raise `InputError` where there can be no sandbox, with the reason."""
        ...

    def interpreter(self, target: Target) -> Interpreter:
        """Return a Python that stands for ``target``; raises `InputError` where this machine has none."""
        ...

    def tool(self, name: str) -> Path | None:
        """Return where a program is on this machine, None where it is not."""
        ...

    def ask(self, question: HookQuestion, interpreter: Interpreter) -> tuple[str, ...]:
        """Return the requirements that the hooks ask for, each once; raises `HookFailedError`."""
        ...


def require_equipment(
    runner: HookRunner,
    targets: Iterable[Target],
    tools: Iterable[str],
    refuse: Callable[[str], Cachi2ishError],
) -> None:
    """Raise all that keeps hooks from being called: no such Python on this machine, or no such tool.

    refuse: returns the error for a tool that is not here.
    """
    for target in sorted(set(targets), key=str):
        runner.interpreter(target)
    raise_all(refuse(name) for name in sorted(set(tools)) if runner.tool(name) is None)


class Images(Protocol):
    """Images of containers that are on this machine."""

    def answer(self, image: str, script: str) -> bytes:
        """Return what ``script`` prints, run by the ``python3`` of a local image; raises `InputError`."""
        ...
