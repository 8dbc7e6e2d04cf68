"""Hooks of back-ends, called in the sandbox with nothing but the files of an output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from cachi2ish.build.interface import LEGACY_BACKEND, Machine
from cachi2ish.core.distributions import is_wheel
from cachi2ish.errors import InputError
from cachi2ish.proof.interface import PlannedBuild
from cachi2ish.sandbox.interface import (
    INSTALL_TOOL,
    OF_WHEEL,
    FirstBuild,
    HookFailedError,
    HookQuestion,
    HookRunner,
    require_equipment,
)


class OutputHooks:
    """Implements `cachi2ish.proof.interface.BuildHooks`. Each question is put once.

    on_call: is given a sentence on each.
    """

    def __init__(self, runner: HookRunner, on_call: Callable[[str], None]) -> None:
        self._runner = runner
        self._on_call = on_call
        self._known: dict[tuple[object, ...], tuple[tuple[str, ...], str]] = {}

    def check(self, machines: Iterable[Machine]) -> None:
        """Raise `InputError` where there can be no sandbox, no such Python is here, or a tool is not."""
        self._runner.check()
        everywhere = tuple(machines)
        require_equipment(
            self._runner,
            (machine.target for machine in everywhere),
            (name for machine in everywhere for name in machine.tools),
            lambda name: InputError(
                f"--run-hooks for a target with {name}: there is no {name} on this machine", hint=INSTALL_TOOL
            ),
        )

    def answer(
        self, builds: Sequence[PlannedBuild], folder: Path, machine: Machine
    ) -> tuple[tuple[str, ...], str]:
        """Return what the back-end of the last one asks for, or why that is not known."""
        key = (machine, *builds)
        if key not in self._known:
            self._known[key] = self._answer(builds, folder, machine)
        return self._known[key]

    def _answer(
        self, builds: Sequence[PlannedBuild], folder: Path, machine: Machine
    ) -> tuple[tuple[str, ...], str]:
        *first, last = builds
        count = "1 sdist is" if len(first) == 1 else f"{len(first)} sdists are"
        made = f", where {count} built first" if first else ""
        self._on_call(f"{last.filename}: its back-end is asked, in the sandbox{made}")
        question = HookQuestion(
            source=folder / last.filename,
            source_name=last.filename,
            backend=last.facts.backend or LEGACY_BACKEND,
            backend_path=last.facts.backend_path,
            hooks=(OF_WHEEL,),
            wheels=_wheels(last, folder),
            tools=machine.tools,
            builds=tuple(_first(one, folder) for one in first),
            built=_sdists(last),
        )
        try:
            return self._runner.ask(question, self._runner.interpreter(machine.target)), ""
        except HookFailedError as error:
            return (), str(error)


def _first(one: PlannedBuild, folder: Path) -> FirstBuild:
    return FirstBuild(
        source=folder / one.filename,
        source_name=one.filename,
        backend=one.facts.backend or LEGACY_BACKEND,
        backend_path=one.facts.backend_path,
        wheels=_wheels(one, folder),
        built=_sdists(one),
    )


def _wheels(one: PlannedBuild, folder: Path) -> Mapping[str, Path]:
    return {name: folder / name for name in one.members if is_wheel(name)}


def _sdists(one: PlannedBuild) -> tuple[str, ...]:
    return tuple(name for name in one.members if not is_wheel(name))
