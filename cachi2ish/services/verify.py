"""``verify``: an output and targets become a proof, and a proof becomes JSON (``docs/reference/verify.md``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cachi2ish.build.interface import Machine
from cachi2ish.core.messages import did_you_mean
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import DisprovedError, InputError, Origin, UnprovedError
from cachi2ish.output.interface import Outputs
from cachi2ish.proof.interface import (
    BuildHooks,
    Finding,
    Proof,
    ProvedPackage,
    Prover,
    TargetProof,
    Verdict,
    target_of,
)
from cachi2ish.services.fetch.input.package_input import RequestInput, policy_of
from cachi2ish.services.lock_build_deps.constraints import read_constraints

#: Grows when a field goes or changes its meaning; new fields may come without.
VERSION = 1

#: What decides whether a build succeeds and is no matter of an output.
NOT_LOOKED_AT = (
    "compilers, headers and system libraries",
    "whether the code of a build runs to its end",
    "what is installed on the target already",
    "yanks: an offline pip does not know of them, and fetch-deps warns",
)

_EXAMPLE = "python=3.12,platform=manylinux_2_28_x86_64"
_KEYS = ("python", "platform", "implementation", "abi")


def parse_target(text: str) -> Target:
    """Return the target that ``python=3.12,platform=…`` names; raises `InputError`."""
    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not value:
            raise InputError(f"{part.strip()!r} is not KEY=VALUE", hint=f"give one such as {_EXAMPLE}")
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS, f"the keys are {', '.join(_KEYS)}")
            raise InputError(f"{key!r} is no key of a target", hint=hint)
        if key in found:
            raise InputError(f"{key} is there twice", hint="repeat --target for another target")
        found[key] = value
    missing = [key for key in _KEYS[:2] if key not in found]
    if missing:
        raise InputError(f"{' and '.join(missing)} is missing", hint=f"give one such as {_EXAMPLE}")
    return Target.parse(found["python"], found["platform"], found.get("implementation", "cp"), found.get("abi"))


def verify(
    output: Path,
    machines: Sequence[Machine],
    tools: frozenset[str],
    outputs: Outputs,
    prover: Prover,
    constraints: Sequence[Path] = (),
    hooks: BuildHooks | None = None,
) -> Proof:
    """Return what is known of an offline install from ``output``.

    machines: none for the targets of the input, as they are recorded, which then have ``tools`` too.
    constraints: files that ``PIP_BUILD_CONSTRAINT`` names in the build. hooks: None where nothing may be run.
    Raises `InputError` where there is no output, or no target; `StorageError` where a file cannot be read.
    """
    config = outputs.read_build_config(output)
    packages = config.record.packages if config.record else ()
    chosen = tuple(dict.fromkeys(machines))
    if not chosen:
        nowhere = next((one.path for one in packages if not one.targets), None)
        if nowhere is not None:
            raise InputError(
                f"{output} does not say which targets the package at {nowhere!r} is for",
                hint=f"name one: --target {_EXAMPLE}; or list them in the input",
            )
        try:
            recorded = (
                Machine(target_of(target), tools.union(one.tools)) for one in packages for target in one.targets
            )
            chosen = tuple(dict.fromkeys(recorded))
        except InputError as error:
            raise error.at(Origin(".build-config.json")) from None
    if hooks is not None:
        hooks.check(chosen)
    return prover.prove(
        output,
        config,
        chosen,
        as_written=outputs.is_as_written(output),
        own_targets=not machines,
        constraints=read_constraints(constraints),
        hooks=hooks,
    )


def refuse_without_targets(request: RequestInput) -> None:
    """Raise `InputError` for an input of which no proof can be made, since a package names no target."""
    for number, package in enumerate(request.packages):
        if not policy_of(package).targets:
            raise InputError(
                f"the input, packages[{number}]: --verify needs to know for which machine",
                hint='add "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]',
            )


def refuse_unproved(proof: Proof, output: Path) -> None:
    """Raise `DisprovedError` or `UnprovedError` unless an output is proved."""
    if proof.verdict is Verdict.PROVED:
        return
    targets = [str(one.target) for one in proof.targets if one.verdict is proof.verdict]
    where = f" for {', '.join(targets)}" if targets else ""
    hint = f"mend what is named above; cachi2ish verify {output} names it again"
    if proof.verdict is Verdict.DISPROVED:
        raise DisprovedError(f"an offline install from {output} will fail{where}", hint=hint)
    raise UnprovedError(f"it is not known whether {output} is enough for an offline install{where}", hint=hint)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


Word = Literal["proved", "disproved", "unknown"]


class FindingReport(_Frozen):
    """Why something is not proved."""

    verdict: Word
    subject: str
    problem: str
    requirement: str | None
    needed_by: str | None
    file: str | None
    line: int | None
    mend: str | None


class PackageReport(_Frozen):
    """A project and a version of it."""

    name: str
    version: str | None
    verdict: Word
    files: tuple[str, ...]
    build: bool
    findings: tuple[FindingReport, ...]


class TargetReport(_Frozen):
    """A target."""

    python: str
    platform: str
    implementation: str
    abi: str
    tools: tuple[str, ...]
    verdict: Word
    packages: tuple[PackageReport, ...]
    findings: tuple[FindingReport, ...]


class ProofReport(_Frozen):
    """The whole."""

    version: int
    verdict: Word
    files: int
    findings: tuple[FindingReport, ...]
    targets: tuple[TargetReport, ...]
    not_looked_at: tuple[str, ...]


def proof_report(proof: Proof) -> ProofReport:
    """Return the proof as it is written as JSON."""
    return ProofReport(
        version=VERSION,
        verdict=proof.verdict.value,
        files=proof.files,
        findings=tuple(map(_finding, proof.findings)),
        targets=tuple(map(_target, proof.targets)),
        not_looked_at=NOT_LOOKED_AT,
    )


def _target(one: TargetProof) -> TargetReport:
    return TargetReport(
        python=".".join(map(str, one.target.python)),
        platform=one.target.platform.tag,
        implementation=one.target.implementation,
        abi=one.target.abi,
        tools=one.tools,
        verdict=one.verdict.value,
        packages=tuple(map(_package, one.packages)),
        findings=tuple(map(_finding, one.findings)),
    )


def _package(one: ProvedPackage) -> PackageReport:
    return PackageReport(
        name=one.project,
        version=one.version or None,
        verdict=one.verdict.value,
        files=one.files,
        build=one.build,
        findings=tuple(map(_finding, one.findings)),
    )


def _finding(one: Finding) -> FindingReport:
    return FindingReport(
        verdict=one.verdict.value,
        subject=one.subject,
        problem=one.problem,
        requirement=one.requirement or None,
        needed_by=one.needed_by or None,
        file=one.origin.file if one.origin else None,
        line=one.origin.line if one.origin else None,
        mend=one.mend or None,
    )
