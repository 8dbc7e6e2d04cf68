"""The proof as the other rooms see it: an output, its record and a target become a verdict, with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cachi2ish.build.interface import Machine, SdistFacts
from cachi2ish.core.outputs import BuildConfig, RecordedTarget
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Origin


class Verdict(StrEnum):
    """What is known of an offline install: that it has all it needs, that it has not, or neither."""

    PROVED = "proved"
    DISPROVED = "disproved"
    UNKNOWN = "unknown"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of the whole: one disproof disproves it, and one doubt leaves it unknown."""
    found = frozenset(verdicts)
    if Verdict.DISPROVED in found:
        return Verdict.DISPROVED
    return Verdict.UNKNOWN if Verdict.UNKNOWN in found else Verdict.PROVED


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Finding:
    """Why something is not proved.

    verdict: disproved or unknown. subject: the file, or the lock file, that it is about. problem: one sentence
    without a full stop. requirement: the one that is not met, as it is written, "" for none. needed_by: who has
    it: a file, or a lock file. origin: its place, where that is known. mend: the line to write, and where, or ""
    where no line would do.
    """

    verdict: Verdict
    subject: str
    problem: str
    requirement: str = ""
    needed_by: str = ""
    origin: Origin | None = None
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedPackage:
    """A project, and what is known of it on one target.

    project: normalised. version: "" where none is known. files: those that pip takes. build: it is needed for
    building only. findings: empty where it is proved.
    """

    project: str
    version: str
    files: tuple[str, ...]
    build: bool
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What is known of this one."""
        return worst(one.verdict for one in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetProof:
    """What is known of one target.

    tools: those that it is declared to have, sorted. findings: those of no single project.
    """

    target: Target
    tools: tuple[str, ...]
    packages: tuple[ProvedPackage, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What is known of all of it."""
        return worst((*(one.verdict for one in self.packages), *(one.verdict for one in self.findings)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The whole.

    files: how many were compared with their digests. findings: of the output, whatever the target.
    """

    files: int
    findings: tuple[Finding, ...]
    targets: tuple[TargetProof, ...]

    @property
    def verdict(self) -> Verdict:
        """What is known altogether."""
        return worst((*(one.verdict for one in self.findings), *(one.verdict for one in self.targets)))


def target_of(recorded: RecordedTarget) -> Target:
    """Return the target that a record names; raises `InputError` for one that makes no sense."""
    return Target.parse(recorded.python, recorded.platform, recorded.implementation, recorded.abi)


class Backends(Protocol):
    """What back-ends do, by rules."""

    def added(
        self, facts: SdistFacts, machine: Machine, installed: Mapping[str, Version]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what a back-end adds to what is declared, and clauses of what is not known of that.

        installed: what is in the environment when its hook is called, by normalised name.
        """
        ...

    def needs_crates(self, facts: SdistFacts) -> bool:
        """Return whether building takes packages of a registry of Rust."""
        ...


@dataclass(frozen=True, slots=True)
class PlannedBuild:
    """An sdist of the output, and the files of which the environment of its build is made."""

    filename: str
    facts: SdistFacts = field(compare=False)
    members: tuple[str, ...]


class BuildHooks(Protocol):
    """The hooks of real back-ends (PEP 517), called where they can do no harm."""

    def check(self, machines: Iterable[Machine]) -> None:
        """Raise `InputError` where they cannot be called for all of ``machines``."""
        ...

    def answer(
        self, builds: Sequence[PlannedBuild], folder: Path, machine: Machine
    ) -> tuple[tuple[str, ...], str]:
        """Return what the back-end of the last of ``builds`` asks for, or why that is not known, as a clause.

        The environment of the last one has what is declared. The others are the sdists in it, directly or not, of
        which wheels have to be made first, each behind those that it needs. folder: where the files are.
        """
        ...


class Prover(Protocol):
    """Holds outputs against targets; runs nothing, but for hooks that it is given."""

    def prove(
        self,
        output: Path,
        config: BuildConfig,
        machines: Iterable[Machine],
        *,
        as_written: bool,
        own_targets: bool = False,
        constraints: Mapping[str, SpecifierSet] | None = None,
        hooks: BuildHooks | None = None,
    ) -> Proof:
        """Return what is known of an offline install from ``output``.

        as_written: whether the record is still the one that was written. own_targets: whether each package is
        installed on the targets alone that the input names for it. constraints: of what is built with, by
        normalised name. hooks: are called where no rule tells what a back-end adds; None for nothing.
        Raises `StorageError` where a file cannot be read.
        """
        ...
