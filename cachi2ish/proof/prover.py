"""An output and a target become a verdict: each lock is installed in thought, with all builds that this takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from msgspec import ValidationError, convert
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Needed
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from cachi2ish.build.interface import BuildFactsReader, Machine, SdistFacts
from cachi2ish.core.outputs import (
    DEPS,
    BuildConfig,
    OutputRecord,
    RecordedLock,
    RecordedPackage,
    RecordedRequirement,
)
from cachi2ish.core.requirements import FormatControl
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import Cachi2ishError, Origin
from cachi2ish.proof.builds import Builds
from cachi2ish.proof.file_checks import changed, files_of
from cachi2ish.proof.file_facts import FileFactsReader
from cachi2ish.proof.find_links import FindLinks
from cachi2ish.proof.interface import (
    Backends,
    BuildHooks,
    Finding,
    Proof,
    ProvedPackage,
    TargetProof,
    Verdict,
    target_of,
)
from cachi2ish.proof.needs import Chosen, FactsOf, Need
from cachi2ish.proof.resolution import Install, fate
from cachi2ish.proof.wording import of_install
from cachi2ish.sdists.interface import MetadataReader, TextReader

_NO_RECORD = Finding(
    verdict=Verdict.UNKNOWN,
    subject=".build-config.json",
    problem="does not say what was asked for",
    mend="run fetch-deps of this version again",
)


class OutputProver:
    """Implements `cachi2ish.proof.interface.Prover`. backends: what they add to what an sdist declares."""

    def __init__(
        self, texts: TextReader, metadata: MetadataReader, builds: BuildFactsReader, backends: Backends
    ) -> None:
        self._texts = texts
        self._metadata = metadata
        self._builds = builds
        self._backends = backends

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
        """Return what is known; raises `StorageError` where a file cannot be read."""
        record = config.record
        if record is None:
            return Proof(files=0, findings=(_NO_RECORD,), targets=())
        names = files_of(output)
        folder, facts = FindLinks.of(output / DEPS, names), self._facts(output, record)
        desk = _Desk(folder, record, facts, self._builds, self._backends, constraints or {}, hooks)
        return Proof(
            files=len(names),
            findings=tuple(changed(output, record, names, as_written=as_written)),
            targets=tuple(desk.on(machine, own_targets=own_targets) for machine in machines),
        )

    def _facts(self, output: Path, record: OutputRecord) -> FactsOf:
        return FileFactsReader(output / DEPS, self._texts, self._metadata, _subdirectories(record))


@dataclass
class _Tally:
    """What one target takes, and what is wrong with it."""

    runtime: dict[str, Chosen] = field(default_factory=dict)
    build: dict[str, Chosen] = field(default_factory=dict)
    findings: dict[Finding, None] = field(default_factory=dict)

    def note(self, findings: Iterable[Finding]) -> None:
        self.findings.update(dict.fromkeys(findings))


class _Desk:
    """One output, looked at for any number of targets: files are read once."""

    def __init__(
        self,
        folder: FindLinks,
        record: OutputRecord,
        facts: FactsOf,
        builds: BuildFactsReader,
        backends: Backends,
        constraints: Mapping[str, SpecifierSet],
        hooks: BuildHooks | None,
    ) -> None:
        self._constraints = {canonicalize_name(name): one for name, one in constraints.items()}
        self._folder = folder
        self._record = record
        self._facts = facts
        self._subdirectories = _subdirectories(record)
        self._builds = builds
        self._backends = backends
        self._hooks = hooks
        self._build_facts: dict[str, SdistFacts] = {}

    def on(self, machine: Machine, *, own_targets: bool) -> TargetProof:
        """Return what is known of a target. own_targets: leave out the packages that are not for it."""
        tally = _Tally()
        packages = [
            one
            for one in self._record.packages
            if not own_targets
            or (machine.target in map(target_of, one.targets) and machine.tools.issuperset(one.tools))
        ]
        paths = {one.path for one in packages}
        installed = [lock for lock in self._record.locks if not lock.build and lock.path in paths]
        builds: dict[FormatControl, Builds] = {}
        for lock in installed:
            self._install(lock, machine, self._building(builds, lock, machine), tally)
        for package in packages:
            locks = [lock for lock in installed if lock.path == package.path]
            for lock in locks or [RecordedLock(path=package.path, file="")]:
                self._own_build(package, self._building(builds, lock, machine), tally)
        return _sorted(machine, tally)

    def _building(self, known: dict[FormatControl, Builds], lock: RecordedLock, machine: Machine) -> Builds:
        formats = _formats(lock)
        if formats not in known:
            known[formats] = Builds(
                folder=self._folder,
                machine=machine,
                facts_of=self._facts,
                build_facts=self._facts_of_build,
                backends=self._backends,
                formats=formats,
                constraints=self._constraints,
                hooks=self._hooks,
            )
        return known[formats]

    def _install(self, lock: RecordedLock, machine: Machine, builds: Builds, tally: _Tally) -> None:
        needs = tuple(_roots(lock, machine.target))
        if not needs:
            return
        install = Install(
            folder=self._folder,
            target=machine.target,
            facts_of=self._facts,
            formats=_formats(lock),
            hash_mode=lock.hash_mode,
        )
        found = install.resolve(needs)
        tally.note(of_install(failure, lock.file, machine.target) for failure in found.failures)
        for one in found.chosen.values():
            tally.runtime.setdefault(one.filename, one)
            doubt = self._facts(one.filename).doubt
            if doubt:
                tally.note([Finding(verdict=Verdict.UNKNOWN, subject=one.filename, problem=doubt)])
            for sdist in one.built:
                proof = builds.prove(sdist)
                tally.note(proof.findings)
                tally.build.update((each.filename, each) for each in proof.taken)

    def _own_build(self, package: RecordedPackage, builds: Builds, tally: _Tally) -> None:
        if not package.build_requires and not package.build:
            return
        where = "" if package.path == "." else f" in {package.path}"
        facts = _facts_of_project(package)
        proof = builds.of_facts(f"the project itself{where}", facts, ())
        tally.note(proof.findings)
        tally.build.update((each.filename, each) for each in proof.taken)

    def _facts_of_build(self, filename: str) -> SdistFacts:
        if filename not in self._build_facts:
            self._build_facts[filename] = self._read_build_facts(filename)
        return self._build_facts[filename]

    def _read_build_facts(self, filename: str) -> SdistFacts:
        if filename in self._subdirectories:
            return SdistFacts(unreadable=f"what its folder {self._subdirectories[filename]} is built with")
        try:
            return self._builds.of_archive(self._folder.directory / filename, filename)
        except Cachi2ishError as error:
            return SdistFacts(unreadable=f"what it is built with: {error.problem}")


def _facts_of_project(package: RecordedPackage) -> SdistFacts:
    declared = SdistFacts(requires=package.build_requires)
    try:
        return convert(package.build, SdistFacts) if package.build else declared
    except ValidationError:  # of another version, or tampered with: that was said
        return SdistFacts(requires=package.build_requires, unreadable="what the record says of how it is built")


def _subdirectories(record: OutputRecord) -> Mapping[str, str]:
    requirements = [one for lock in record.locks for one in lock.requirements]
    return {name: one.subdirectory for one in requirements if one.subdirectory for name in one.files}


def _formats(lock: RecordedLock) -> FormatControl:
    return FormatControl(frozenset(lock.no_binary), frozenset(lock.only_binary))


def _roots(lock: RecordedLock, target: Target) -> Iterator[Need]:
    for one in lock.requirements:
        needed = _needed(one)
        certain = fate(needed, target)
        if certain is None:
            continue
        needed.marker = None
        yield Need(
            needed=needed,
            text=one.requirement,
            by=lock.file,
            origin=Origin(one.file, one.line),
            certain=certain,
            files=frozenset(one.files),
            direct=(one.files or ("its file",))[0] if one.direct else None,
            root=True,
        )


def _needed(one: RecordedRequirement) -> Needed:
    marker = f" ; {one.marker}" if one.marker else ""
    try:
        return read_requirement(f"{one.requirement}{marker}")
    except InvalidRequirement:  # ``===`` with a version that is none
        return read_requirement(one.requirement.partition("=")[0])


def _sorted(machine: Machine, tally: _Tally) -> TargetProof:
    taken = {**tally.build, **tally.runtime}
    projects: dict[tuple[str, str], list[Chosen]] = defaultdict(list)
    for one in taken.values():
        projects[one.project, one.version].append(one)
    by_file: Mapping[str, tuple[str, str]] = {one.filename: (one.project, one.version) for one in taken.values()}
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    others: list[Finding] = []
    for finding in tally.findings:
        key = by_file.get(finding.subject)
        placed = finding if finding.origin else replace(finding, origin=_place_of(finding.subject, taken))
        (found[key] if key else others).append(placed)
    return TargetProof(
        target=machine.target,
        tools=tuple(sorted(machine.tools)),
        packages=tuple(
            ProvedPackage(
                project=project,
                version=version,
                files=tuple(sorted(one.filename for one in members)),
                build=not any(one.filename in tally.runtime for one in members),
                findings=tuple(found[project, version]),
            )
            for (project, version), members in sorted(projects.items())
        ),
        findings=tuple(others),
    )


def _place_of(filename: str, taken: Mapping[str, Chosen]) -> Origin | None:
    """Return the line of the lock that a file is taken for, where there is one."""
    needs = taken[filename].needs if filename in taken else ()
    return next((need.origin for need in needs if need.root), None)
