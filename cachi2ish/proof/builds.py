"""What pip does to build an sdist: environments made of the same directory, down to sdists that need nothing.

Each build has two of them: what is declared (PEP 518), then what the back-end adds (PEP 517). pip passes
``--no-binary`` and ``--only-binary`` on to both, and no hash mode. It refuses to build an sdist that is being
built already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from packaging.requirements import InvalidRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from cachi2ish.build.interface import IMPLICIT, Machine, SdistFacts
from cachi2ish.core.distributions import is_wheel
from cachi2ish.core.messages import excerpt
from cachi2ish.core.requirements import FormatControl
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.proof.find_links import FindLinks
from cachi2ish.proof.interface import Backends, BuildHooks, Finding, PlannedBuild, Verdict
from cachi2ish.proof.needs import Chosen, FactsOf, Need
from cachi2ish.proof.resolution import Install, fate
from cachi2ish.proof.wording import of_build


@dataclass(frozen=True, slots=True)
class BuildProof:
    """What is known of a build: what is missing, and all that is taken for it, whatever builds that included."""

    findings: tuple[Finding, ...] = ()
    taken: tuple[Chosen, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Builds:
    """All builds on one machine, with one set of formats.

    build_facts: what an sdist says of how it is built. hooks: what asks its back-end where no rule tells.
    """

    folder: FindLinks
    machine: Machine
    facts_of: FactsOf
    build_facts: Callable[[str], SdistFacts]
    backends: Backends
    formats: FormatControl = field(default_factory=FormatControl)
    constraints: Mapping[NormalizedName, SpecifierSet] = field(default_factory=dict)
    hooks: BuildHooks | None = None
    _known: dict[str, BuildProof] = field(default_factory=dict)
    _environments: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def prove(self, filename: str, below: tuple[str, ...] = ()) -> BuildProof:
        """Return what is known of the build of an sdist.

        below: those whose builds need it, the outermost first.
        """
        if filename in below:
            circle = " needs ".join((*below[below.index(filename) :], filename))
            problem = f"its build needs itself: {circle}"
            return BuildProof((Finding(verdict=Verdict.DISPROVED, subject=filename, problem=problem),))
        if filename in self._known:
            return self._known[filename]
        found = self.of_facts(filename, self.build_facts(filename), (*below, filename))
        self._known[filename] = found
        return found

    def of_facts(self, subject: str, facts: SdistFacts, below: tuple[str, ...]) -> BuildProof:
        """Return what is known of the build of ``subject``, which says ``facts`` of it."""
        findings: list[Finding] = []
        taken: list[Chosen] = []
        declared = facts.requires if facts.requires is not None else IMPLICIT[:1]
        first = self._environment(subject, declared, findings)
        installed: dict[str, Version] = {one.project: _version(one) for one in first}
        added, unknown = self.backends.added(facts, self.machine, installed)
        if unknown and self.hooks is not None:
            requires, problem = self._ask(self.hooks, subject, facts, first, findings, below)
            if problem:
                unknown = tuple(f"{one}: {problem}" for one in unknown)
            else:
                added, unknown = requires, ()
                findings.extend(_no_requirements(subject, requires))
        more = tuple(self._missing(subject, added, installed, findings))
        second = self._environment(subject, more, findings, added=facts.hook or facts.backend)
        self._environments[subject] = tuple(one.filename for one in (*first, *second))
        for one in (*first, *second):
            taken.append(one)
            for sdist in one.built:
                inner = self.prove(sdist, below)
                findings.extend(inner.findings)
                taken.extend(inner.taken)
        mend = "--run-hooks" if self.hooks is None and self._has_a_hook(subject, facts) else ""
        findings.extend(replace(_unknown(subject, f"it is not known {what}"), mend=mend) for what in unknown)
        if self.backends.needs_crates(facts):
            crates = f"needs {facts.crates or ''} crates of Rust".replace("  ", " ")
            mend = f'the wheel, with "binary": {{"packages": "{facts.name}"}} in the input'
            findings.append(replace(_unknown(subject, f"{crates}, which are not in the output"), mend=mend))
        return BuildProof(tuple(dict.fromkeys(findings)), tuple(dict.fromkeys(taken)))

    def _ask(
        self,
        hooks: BuildHooks,
        subject: str,
        facts: SdistFacts,
        declared: Iterable[Chosen],
        findings: Iterable[Finding],
        below: tuple[str, ...],
    ) -> tuple[tuple[str, ...], str]:
        """Return what the hook asks for, or why that is not known."""
        if not self._has_a_hook(subject, facts):
            return (), "its back-end was not asked" if facts.unreadable else "its source is not in the output"
        members = tuple(one.filename for one in declared)
        first: dict[str, PlannedBuild] = {}
        lacking = next(iter(findings), None) or self._plan(members, first, below)
        if lacking is not None:
            return (), f"its hook was not called, since {lacking.subject} {lacking.problem}"
        return hooks.answer(
            (*first.values(), PlannedBuild(subject, facts, members)), self.folder.directory, self.machine
        )

    def _has_a_hook(self, subject: str, facts: SdistFacts) -> bool:
        return subject in self.folder.names and not facts.unreadable

    def _plan(
        self, members: Iterable[str], first: dict[str, PlannedBuild], below: tuple[str, ...]
    ) -> Finding | None:
        """Put the sdists of ``members`` into ``first``, each behind what it needs; or return what is wrong."""
        for filename in members:
            if is_wheel(filename) or filename in first:
                continue
            findings = self.prove(filename, below).findings
            wrong = findings[0] if findings else None
            inner = self._environments.get(filename, ())
            wrong = wrong or self._plan(inner, first, (*below, filename))
            if wrong is not None:
                return wrong
            first[filename] = PlannedBuild(filename, self.build_facts(filename), inner)
        return None

    def _environment(
        self,
        subject: str,
        requires: Iterable[str],
        findings: list[Finding],
        *,
        added: str = "",
    ) -> tuple[Chosen, ...]:
        needs = tuple(self._needs(subject, requires))
        if not needs:
            return ()
        install = Install(
            folder=self.folder,
            target=self.machine.target,
            facts_of=self.facts_of,
            formats=self.formats,
            constraints=self.constraints,
        )
        found = install.resolve(needs)
        findings.extend(of_build(one, subject, self.machine.target, added) for one in found.failures)
        for one in found.chosen.values():
            doubt = self.facts_of(one.filename).doubt
            if doubt:
                findings.append(_unknown(one.filename, doubt))
        return tuple(found.chosen.values())

    def _missing(
        self, subject: str, added: Iterable[str], installed: Mapping[str, Version], findings: list[Finding]
    ) -> Iterator[str]:
        """Yield what the back-end adds and is not there; pip refuses what is there and does not fit."""
        for need in self._needs(subject, added):
            version = installed.get(need.project)
            if version is None:
                yield need.text
            elif not need.needed.specifier.contains(version, prereleases=True):
                problem = (
                    f"its back-end asks for {need.needed}, and {need.project} {version} is what it is built with"
                )
                findings.append(
                    Finding(verdict=Verdict.DISPROVED, subject=subject, problem=problem, requirement=need.text)
                )

    def _needs(self, subject: str, requires: Iterable[str]) -> Iterator[Need]:
        for text in requires:
            try:
                needed = read_requirement(text)
            except InvalidRequirement:
                continue  # pip refuses to build it, whatever is there
            certain = fate(needed, self.machine.target)
            if certain is not None:
                yield Need(needed=needed, text=text, by=subject, certain=certain)


def _no_requirements(subject: str, texts: Iterable[str]) -> Iterator[Finding]:
    """Yield a finding for each that is no requirement: pip ends there."""
    for text in texts:
        try:
            read_requirement(text)
        except InvalidRequirement:
            problem = f"its back-end asks for {excerpt(text)!r}, which is no requirement"
            yield Finding(verdict=Verdict.DISPROVED, subject=subject, problem=problem)


def _unknown(subject: str, problem: str) -> Finding:
    return Finding(verdict=Verdict.UNKNOWN, subject=subject, problem=problem)


def _version(one: Chosen) -> Version:
    try:
        return Version(one.version)
    except InvalidVersion:
        return Version("0")
