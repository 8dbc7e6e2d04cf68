"""What of ``pdm.lock`` is wanted: its packages say so, or else ``pyproject.toml`` and the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cachi2ish.core.messages import excerpt
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.core.targets.environments import NOWHERE, Environments, environments_of
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.interface import DEFAULT, EVERYTHING, Needs, Selection
from cachi2ish.lockfiles.lock_graph import chosen, needs_of, reach
from cachi2ish.lockfiles.pdm.pdm_model import Package, PdmLock
from cachi2ish.lockfiles.pdm.pdm_project import DEFAULT_GROUP, PdmProject

#: What helps against a lock that is not as it should be.
LOCK_AGAIN = "lock again with `pdm lock`; if that writes the same, tell its makers"


@dataclass(frozen=True)
class PdmGraph:
    """A lock whose packages are read."""

    file: str
    lock: PdmLock
    packages: Sequence[Package]
    origins: Sequence[Origin]
    project: PdmProject

    def groups(self, selection: Selection) -> tuple[str, ...]:
        """Return the groups that are taken, and extras; raises `InputError` for names that are not there."""
        listed: set[str] = {canonicalize_name(one) for one in self.lock.metadata.groups}
        development, optional = set(self.project.development_groups), set(self.project.optional_groups)
        known: set[str] = {DEFAULT_GROUP, *(listed or {*development, *optional})}
        if listed and selection == DEFAULT:
            # As PDM has it: where nothing is chosen, what was chosen for the lock.
            there = {DEFAULT_GROUP, *development, *optional} if self.project.document else listed
            return tuple(sorted(listed & there))
        named_not = [one for one in selection.no_groups if one != EVERYTHING]
        left_out = chosen("group", named_not, known, self.file)
        more = chosen("group", selection.groups, known, self.file)
        extras = chosen("extra", selection.extras, known & optional if self.project.document else known, self.file)
        defaults = {DEFAULT_GROUP} if EVERYTHING in selection.no_groups else {DEFAULT_GROUP, *development & known}
        return tuple(sorted({*defaults, *more, *extras}.difference(left_out)))

    def reached(self, groups: Sequence[str]) -> Mapping[int, Environments]:
        """Return the packages that are needed, and where; raises `LockFileError`."""
        if any(one.groups for one in self.packages):
            return {
                place: self._where(one.marker, self.origins[place])
                for place, one in enumerate(self.packages)
                if not {canonicalize_name(group) for group in one.groups}.isdisjoint(groups)
            }
        if not self.project.document:
            raise LockFileError(
                "its packages have no groups, so only pyproject.toml says which are wanted, and there is none",
                hint="keep the two together, or lock with the strategy inherit_metadata",
                origin=Origin(self.file),
            )
        roots = (
            pair
            for group in groups
            for need in self.project.needs(group)
            for pair in self._nodes(need, Origin(self.file))
        )
        return reach(roots, self._edges)

    def needs(self, groups: Sequence[str], number_of: Callable[[int], int | None], count: int) -> Needs:
        """Return who needs what. number_of: returns which requirement a package is."""
        own = Origin(self.file)
        roots = {
            group: [place for need in self.project.needs(group) for place in self._found(self._nodes(need, own))]
            for group in groups
        }
        declared: dict[int, frozenset[str]] = {}
        for place, one in enumerate(self.packages):
            if (number := number_of(place)) is not None:
                named = {canonicalize_name(group) for group in one.groups}.intersection(groups)
                declared[number] = declared.get(number, frozenset()) | named
        with_groups = any(one.groups for one in self.packages)
        return needs_of(
            roots,
            lambda place: list(self._found(self._edges(place))),
            number_of,
            count,
            declared if with_groups else None,
        )

    @staticmethod
    def _found(places: Iterator[tuple[int, Environments]]) -> Iterator[int]:
        """Yield the places that are somewhere needed; what a lock lacks does no harm here."""
        with suppress(LockFileError):
            yield from (place for place, where in places if where != NOWHERE)

    def _edges(self, place: int) -> Iterator[tuple[int, Environments]]:
        origin = self.origins[place]
        for text in self.packages[place].dependencies:
            try:
                yield from self._nodes(read_requirement(text), origin)
            except InvalidRequirement:
                raise LockFileError(
                    f"the dependency {excerpt(text)!r} cannot be read", hint=LOCK_AGAIN, origin=origin
                ) from None

    def _nodes(self, need: Requirement, origin: Origin) -> Iterator[tuple[int, Environments]]:
        where = self._where(None if need.marker is None else str(need.marker), origin)
        name, extras = canonicalize_name(need.name), {canonicalize_name(one) for one in need.extras}
        named = [place for place, one in enumerate(self.packages) if canonicalize_name(one.name) == name]
        alike = [one for one in named if {canonicalize_name(each) for each in self.packages[one].extras} == extras]
        fitting = [
            one for one in alike if need.specifier.contains(self.packages[one].version or "0", prereleases=True)
        ]
        if not named and where != NOWHERE:
            raise LockFileError(
                f"it has no package {excerpt(name)}, which is needed", hint=LOCK_AGAIN, origin=origin
            )
        yield from ((place, where) for place in fitting or alike or named)

    def _where(self, marker: str | None, origin: Origin) -> Environments:
        try:
            return environments_of(marker or None, lambda _: False)
        except (ValueError, RecursionError) as error:
            reason = str(error).partition("\n")[0] or "it is nested too deeply"
            raise LockFileError(f"a marker cannot be read: {reason}", hint=LOCK_AGAIN, origin=origin) from None
