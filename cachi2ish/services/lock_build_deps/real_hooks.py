"""Hooks of real back-ends, called in the sandbox with what the search has found so far; what they say is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from packaging.version import Version

from cachi2ish.build.interface import LEGACY_BACKEND, Build, Machine, Release
from cachi2ish.cache.interface import Recollection
from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.distributions import is_wheel, wheel_tags
from cachi2ish.core.pages import IndexFile
from cachi2ish.errors import Origin, UsageError
from cachi2ish.sandbox.interface import (
    INSTALL_TOOL,
    OF_EDITABLE,
    OF_WHEEL,
    HookFailedError,
    HookQuestion,
    HookRunner,
    Interpreter,
    require_equipment,
)
from cachi2ish.services.lock_build_deps.index_releases import IndexReleases
from cachi2ish.services.lock_build_deps.roots import Place
from cachi2ish.services.lock_build_deps.sdist_files import SdistFiles, artifact_of_file, sha256_of

#: Part of what answers are remembered by: raise it when hooks are called in another way.
_RULE = "2"

_NOWHERE = Origin("")


class RealHooks:
    """Implements `cachi2ish.build.interface.Hooks`. Each question is put once.

    on_call: is given a sentence on each call.
    """

    def __init__(
        self,
        runner: HookRunner,
        places: Iterable[Place],
        releases: IndexReleases,
        files: SdistFiles,
        recollection: Recollection,
        on_call: Callable[[str], None],
    ) -> None:
        self._runner = runner
        self._places = {place.root.build.name: place for place in places}
        self._releases = releases
        self._files = files
        self._recollection = recollection
        self._on_call = on_call
        self._known: dict[tuple[object, ...], tuple[tuple[str, ...], str]] = {}

    def check(self) -> None:
        """Raise all that keeps hooks from being called for the machines: no such Python here, or no such tool."""
        machines = {machine for place in self._places.values() for machine in place.root.machines}
        require_equipment(
            self._runner,
            (machine.target for machine in machines),
            (name for machine in machines for name in machine.tools),
            lambda name: UsageError(
                f"--run-hooks with --tools {name}: there is no {name} on this machine", hint=INSTALL_TOOL
            ),
        )

    def answer(
        self, build: Build, machine: Machine, installed: Mapping[str, Version]
    ) -> tuple[tuple[str, ...], str]:
        """Return what the back-end of ``build`` asks for beside ``installed``; or why that is not known."""
        key = (build, machine, tuple(sorted(installed.items())))
        if key not in self._known:
            self._known[key] = self._answer(build, machine, [Release(*one) for one in sorted(installed.items())])
        return self._known[key]

    def _answer(self, build: Build, machine: Machine, installed: list[Release]) -> tuple[tuple[str, ...], str]:
        wheels: list[Artifact] = []
        for release in installed:
            file = self._wheel(release, machine)
            if file is None:
                return (), f"its hook was not called: {release} has no wheel to call it with"
            wheels.append(artifact_of_file(file, _NOWHERE))
        interpreter = self._runner.interpreter(machine.target)
        name, path, sha256 = self._source(build)
        digests = {one.filename: sha256_of(one) or self._files.bring(one).sha256 for one in wheels}
        key = _key(sha256, machine, interpreter, digests)
        kept = self._recollection.get(key) if sha256 else None
        if kept is not None:
            try:
                return tuple(msgspec.json.decode(kept, type=list[str])), ""
            except msgspec.MsgspecError:
                pass  # of another version of this program
        self._on_call(f"{build.name}: its back-end is asked, in the sandbox")
        question = HookQuestion(
            source=path,
            source_name=name,
            backend=build.facts.backend or LEGACY_BACKEND,
            backend_path=build.facts.backend_path,
            hooks=(OF_WHEEL, OF_EDITABLE) if build.own else (OF_WHEEL,),
            wheels={one.filename: self._files.bring(one).path for one in wheels},
            tools=machine.tools,
        )
        try:
            found = self._runner.ask(question, interpreter)
        except HookFailedError as error:
            return (), str(error)
        if sha256:
            self._recollection.put(key, msgspec.json.encode(found).decode())
        return found, ""

    def _source(self, build: Build) -> tuple[str, Path, str]:
        """Return the name of what is built, where it is, and its digest; "" for a folder, which may change."""
        place = self._places.get(build.name)
        if place is not None and place.folder is not None:
            return build.name, place.folder, ""
        if place is not None and place.bring is not None:
            blob = place.bring()
            return build.name, blob.path, blob.sha256
        sdist = None if build.release is None else self._releases.sdist(build.release)
        if sdist is None:
            raise AssertionError(build)
        blob = self._files.bring(artifact_of_file(sdist, _NOWHERE))
        return sdist.filename, blob.path, blob.sha256

    def _wheel(self, release: Release, machine: Machine) -> IndexFile | None:
        """Return the wheel that an installer takes, whatever the lock permits: to build it would run more code."""
        ranked = [
            (rank, file.filename, file)
            for file in self._releases.all_files(release)
            if is_wheel(file.filename) and (rank := machine.target.rank(wheel_tags(file.filename))) is not None
        ]
        return min(ranked, key=lambda one: one[:2])[2] if ranked else None


def _key(sha256: str, machine: Machine, interpreter: Interpreter, wheels: Mapping[str, str]) -> str:
    """Return what an answer is kept under. wheels: digests by file name: what has the same version may differ."""
    target = machine.target
    lines = (
        f"hook answer\n{_RULE}\n{sha256}",
        f"{target.implementation} {interpreter.version} {target.abi} {target.platform.tag}",
        " ".join(sorted(machine.tools)),
        " ".join(f"{name} {digest}" for name, digest in wheels.items()),
    )
    return "\n".join(lines)
