"""What pip chooses from a flat directory for a list of requirements, found without running it.

The rule is a fixpoint: of each project the best file that fulfils all that is required of it by what was chosen.
Where that leads to a contradiction, and another file of some project might avoid it, pip would try on: then it is
not known what it ends with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Needed
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from cachi2ish.core.distributions import is_wheel, wheel_tags
from cachi2ish.core.requirements import FormatControl
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.core.targets.machine import Target
from cachi2ish.proof.find_links import Candidate, Excluded, FindLinks
from cachi2ish.proof.needs import Chosen, FactsOf, Failure, Kind, Need, Resolution

#: Rounds until it is given up. A chain of requirements takes one for each link.
_MOST_ROUNDS = 200


@dataclass(frozen=True, kw_only=True)
class Install:
    """One run of pip.

    hash_mode: whether it takes nothing that a line of the lock does not pin. constraints: by project.
    """

    folder: FindLinks
    target: Target
    facts_of: FactsOf
    formats: FormatControl = field(default_factory=FormatControl)
    hash_mode: bool = False
    constraints: Mapping[NormalizedName, SpecifierSet] = field(default_factory=dict)

    def resolve(self, roots: Sequence[Need]) -> Resolution:
        """Return what pip takes for ``roots``."""
        chosen: dict[NormalizedName, Chosen] = {}
        for _ in range(_MOST_ROUNDS):
            needs = self._needs(roots, chosen)
            failures: list[Failure] = []
            now: dict[NormalizedName, Chosen] = {}
            for project, wanted in needs.items():
                found = self._choose(project, wanted)
                if isinstance(found, Chosen):
                    now[project] = found
                else:
                    failures.append(found)
            if now == chosen:
                judged = (self._judged(one, chosen) for one in failures)
                return Resolution(chosen=chosen, failures=tuple(judged))
            chosen = now
        endless = Failure(kind=Kind.ENDLESS, at=roots[0], certain=False)
        return Resolution(chosen=chosen, failures=(endless,))

    def _needs(
        self, roots: Iterable[Need], chosen: Mapping[NormalizedName, Chosen]
    ) -> Mapping[NormalizedName, tuple[Need, ...]]:
        needs: dict[NormalizedName, list[Need]] = defaultdict(list)
        waiting = list(roots)
        seen: set[NormalizedName] = set()
        for need in waiting:
            needs[need.project].append(need)
        queue = [need.project for need in waiting]
        while queue:
            project = queue.pop()
            if project in seen or project not in chosen:
                continue
            seen.add(project)
            for need in self.requirements_of(chosen[project]):
                needs[need.project].append(need)
                queue.append(need.project)
        return {project: tuple(wanted) for project, wanted in needs.items()}

    def requirements_of(self, one: Chosen) -> Iterator[Need]:
        """Yield what a file that was chosen requires on the target."""
        known = self._known_needs
        key = (one.filename, one.extras)
        if key not in known:
            known[key] = tuple(self._read_needs(one))
        yield from known[key]

    @cached_property
    def _known_needs(self) -> dict[tuple[str, frozenset[NormalizedName]], tuple[Need, ...]]:
        return {}

    def _read_needs(self, one: Chosen) -> Iterator[Need]:
        facts = self.facts_of(one.filename)
        for text in facts.requires:
            try:
                needed = read_requirement(text)
            except InvalidRequirement:
                continue  # pip passes over it, or says so when the file was made
            certain = fate(needed, self.target, one.extras)
            if certain is not None:
                yield Need(needed=needed, text=text, by=one.filename, certain=certain and not facts.doubt)

    def _choose(self, project: NormalizedName, wanted: tuple[Need, ...]) -> Chosen | Failure:
        addressed = next((need for need in wanted if need.needed.url or need.direct), None)
        if addressed is not None:
            return self._direct(project, addressed, wanted)
        pins = [need for need in wanted if need.root]
        certain = any(need.certain for need in wanted)
        if self.hash_mode and not pins:
            return Failure(kind=Kind.UNPINNED, at=wanted[0], certain=certain)
        candidates, excluded = self.folder.candidates(project, self.target, self.formats.permits(project))
        tried: list[str] = []
        unfit: Failure | None = None
        for one in self._fulfilling(candidates, wanted):
            python = self.facts_of(one.filename).requires_python
            admitted = self.target.patches_admitted(python)
            if False in admitted:
                kind = Kind.PATCH if True in admitted else Kind.PYTHON
                failure = Failure(kind=kind, at=wanted[0], file=one.filename, facts=(python,), certain=certain)
                if kind is Kind.PATCH:
                    return replace(failure, certain=False)
                unfit = unfit or failure
                tried.extend(() if one.wheel else (one.filename,))
                continue
            refused = next((pin for pin in pins if pin.files is not None and one.filename not in pin.files), None)
            if refused is not None and self.hash_mode:
                return Failure(kind=Kind.DIGEST, at=refused, file=one.filename, certain=certain)
            return Chosen(
                filename=one.filename,
                project=project,
                version=str(one.version),
                wheel=one.wheel,
                needs=wanted,
                tried=tuple(tried),
            )
        return unfit or self._nothing(wanted, candidates, excluded, certain=certain)

    def _direct(self, project: NormalizedName, need: Need, wanted: tuple[Need, ...]) -> Chosen | Failure:
        remote = next((one for one in wanted if one.needed.url), None)
        if remote is not None:
            return Failure(kind=Kind.ADDRESS, at=remote, certain=remote.certain)
        filename = need.direct or ""
        if filename not in self.folder.names:
            return Failure(kind=Kind.MISSING, at=need, file=filename, certain=need.certain)
        python = self.facts_of(filename).requires_python
        if True not in self.target.patches_admitted(python):
            return Failure(kind=Kind.PYTHON, at=need, file=filename, facts=(python,), certain=need.certain)
        wheel = is_wheel(filename)
        if wheel and self.target.rank(wheel_tags(filename)) is None:
            return Failure(kind=Kind.TAGS, at=need, file=filename, certain=need.certain)
        return Chosen(filename=filename, project=project, version="", wheel=wheel, needs=wanted)

    def _fulfilling(self, candidates: Sequence[Candidate], wanted: Iterable[Need]) -> list[Candidate]:
        specifier = SpecifierSet()
        for need in wanted:
            specifier &= need.needed.specifier
        for need in wanted:
            specifier &= self.constraints.get(need.project, SpecifierSet())
        # pip's rule for pre-releases: where the requirement names one, or where there is nothing else.
        admitted = set(specifier.filter({str(one.version) for one in candidates}))
        return [one for one in candidates if str(one.version) in admitted]

    def _nothing(
        self,
        wanted: tuple[Need, ...],
        candidates: Sequence[Candidate],
        excluded: Sequence[Excluded],
        *,
        certain: bool,
    ) -> Failure:
        single = next((need for need in wanted if not self._fulfilling(candidates, (need,))), None)
        at = single or next((need for need in wanted if not need.root), wanted[0])
        left = next((one for one in excluded if at.needed.specifier.contains(one.version, prereleases=True)), None)
        if left is not None:
            kind = Kind.FORMAT if left.by_format else Kind.TAGS
            return Failure(kind=kind, at=at, file=left.filename, certain=certain)
        there = {one.version for one in candidates} | {one.version for one in excluded}
        versions = tuple(map(str, sorted(there)))
        if single is None:
            others = tuple(f"{need.needed} of {need.by}" for need in wanted if need is not at)
            return Failure(kind=Kind.CONFLICT, at=at, facts=others, certain=certain)
        return Failure(kind=Kind.MISSING, at=at, facts=versions, certain=certain)

    def _judged(self, failure: Failure, chosen: Mapping[NormalizedName, Chosen]) -> Failure:
        """Return the failure as certain only where pip has no other file to go back to."""
        if not failure.certain or self.hash_mode:
            return failure
        asker = next((one for one in chosen.values() if one.filename == failure.at.by), None)
        while asker is not None:
            candidates, _ = self.folder.candidates(asker.project, self.target, self.formats.permits(asker.project))
            others = {str(one.version) for one in self._fulfilling(candidates, asker.needs)} - {asker.version}
            if others and not any(need.direct for need in asker.needs):
                return replace(failure, certain=False, instead=f"{asker.project} {max(others)}")
            need = next((need for need in asker.needs if need.root), asker.needs[0])
            asker = None if need.root else next((one for one in chosen.values() if one.filename == need.by), None)
        return failure


def fate(needed: Needed, target: Target, extras: Iterable[str] = ()) -> bool | None:
    """Return whether a requirement is needed on ``target``: for certain, perhaps (False), or not (None)."""
    if needed.marker is None:
        return True
    marker = str(needed.marker)
    answers = [target.answers(marker, extra) for extra in ("", *extras)]
    if any(False not in one for one in answers):
        return True
    return False if any(True in one for one in answers) else None
