"""What of ``poetry.lock`` is wanted: its packages say so, or, before 2.1, ``pyproject.toml`` and the graph."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from cachi2ish.core.messages import excerpt
from cachi2ish.core.targets.environments import NOWHERE, Environments, environments_of
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.interface import EVERYTHING, Needs, Selection
from cachi2ish.lockfiles.lock_graph import chosen, needs_of, reach
from cachi2ish.lockfiles.poetry.poetry_constraints import admits
from cachi2ish.lockfiles.poetry.poetry_model import Package, PoetryLock, each_edge, marker_of
from cachi2ish.lockfiles.poetry.poetry_project import MAIN, Need, PoetryProject

#: What helps against a lock that is not as it should be.
LOCK_AGAIN = "lock again with `poetry lock`; if that writes the same, tell its makers"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: A package by its place, and an extra of it or "".
_Node = tuple[int, str]


@dataclass(frozen=True)
class PoetryGraph:
    """A lock whose packages are read. with_groups: whether the packages themselves say who needs them."""

    file: str
    lock: PoetryLock
    packages: Sequence[Package]
    origins: Sequence[Origin]
    project: PoetryProject
    with_groups: bool

    def groups(self, selection: Selection) -> tuple[str, ...]:
        """Return the groups that are taken; raises `InputError` for names that are not there."""
        known = {canonicalize_name(group) for one in self.packages for group in one.groups}
        known |= {canonicalize_name(one) for one in (MAIN, *self.project.needs)}
        named_not = [one for one in selection.no_groups if one != EVERYTHING]
        left_out = chosen("group", named_not, known, self.file)
        more = chosen("group", selection.groups, known, self.file)
        defaults = {MAIN} if EVERYTHING in selection.no_groups else known - self.project.optional_groups
        return tuple(sorted({*defaults, *more}.difference(left_out)))

    def reached(self, selection: Selection) -> Mapping[int, Environments]:
        """Return the packages that are needed, and where; raises `InputError` and `LockFileError`."""
        known = {canonicalize_name(name) for name in self.lock.extras}
        extras = frozenset(chosen("extra", selection.extras, known, self.file))
        groups = self.groups(selection)
        if self.with_groups:
            return dict(self._declared(groups, extras))
        found: dict[int, Environments] = {}
        for (place, _), where in reach(self._roots(groups, extras), self._edges).items():
            found[place] = found.get(place, NOWHERE) | where
        return found

    def needs(self, selection: Selection, numbers: Mapping[int, int]) -> Needs:
        """Return who needs what. numbers: the places of requirements, and their numbers."""
        groups = self.groups(selection)
        extras = frozenset(map(canonicalize_name, selection.extras))
        if EVERYTHING in selection.extras:
            extras = frozenset(canonicalize_name(name) for name in self.lock.extras)
        roots = {group: list(self._found(self._roots((group,), extras))) for group in groups}
        declared = {
            number: frozenset(map(canonicalize_name, self.packages[place].groups)).intersection(groups)
            for place, number in numbers.items()
        }
        return needs_of(
            roots,
            lambda node: list(self._found(self._edges(node))),
            lambda node: numbers.get(node[0]),
            len(numbers),
            declared if self.with_groups else None,
        )

    @staticmethod
    def _found(nodes: Iterator[tuple[_Node, Environments]]) -> Iterator[_Node]:
        """Yield the nodes that are somewhere needed; what a lock lacks does no harm here."""
        with suppress(LockFileError):
            yield from (node for node, where in nodes if where != NOWHERE)

    def _declared(self, groups: Sequence[str], extras: frozenset[str]) -> Iterator[tuple[int, Environments]]:
        for place, package in enumerate(self.packages):
            where = NOWHERE
            for group in package.groups:
                if canonicalize_name(group) in groups:
                    # The extras in these markers are those of the project.
                    where |= self._where(marker_of(package, group), self.origins[place], extras)
            if where != NOWHERE:
                yield place, where

    def _roots(self, groups: Sequence[str], extras: frozenset[str]) -> Iterator[tuple[_Node, Environments]]:
        named = {
            canonicalize_name(found[0])
            for extra, members in self.lock.extras.items()
            if canonicalize_name(extra) in extras
            for member in members
            if (found := _NAME.match(member.strip()))
        }
        for group in groups:
            for need in self.project.needs.get(group, ()):
                if need.optional and need.name not in named:
                    continue
                where = self._where(need.marker, Origin(self.file), extras)
                yield from self._nodes(need, where, Origin(self.file))

    def _edges(self, node: _Node) -> Iterator[tuple[_Node, Environments]]:
        place, extra = node
        package, origin = self.packages[place], self.origins[place]
        listed = {canonicalize_name(name): some for name, some in package.extras.items()}.get(
            canonicalize_name(extra), ()
        )
        wanted = {canonicalize_name(found[0]) for one in listed if (found := _NAME.match(one.strip()))}
        for name, edges in package.dependencies.items():
            for edge in each_edge(edges):
                if edge.optional == bool(extra) and (not extra or canonicalize_name(name) in wanted):
                    # A marker may name the extra that asks for it.
                    where = self._where(edge.markers, origin, frozenset({extra}))
                    need = Need(canonicalize_name(name), edge.version, edge.extras)
                    yield from self._nodes(need, where, origin)

    def _nodes(self, need: Need, where: Environments, origin: Origin) -> Iterator[tuple[_Node, Environments]]:
        named = [place for place, one in enumerate(self.packages) if canonicalize_name(one.name) == need.name]
        if not named and where != NOWHERE:
            raise LockFileError(
                f"it has no package {excerpt(need.name)}, which is needed", hint=LOCK_AGAIN, origin=origin
            )
        fitting = [place for place in named if admits(need.constraint, self.packages[place].version)]
        for place in fitting or named:
            yield from (((place, canonicalize_name(extra)), where) for extra in ("", *need.extras))

    def _where(self, marker: str | None, origin: Origin, extras: frozenset[str]) -> Environments:
        try:
            return environments_of(marker or None, lambda extra: canonicalize_name(extra) in extras)
        except (ValueError, RecursionError) as error:
            reason = str(error).partition("\n")[0] or "it is nested too deeply"
            raise LockFileError(f"a marker cannot be read: {reason}", hint=LOCK_AGAIN, origin=origin) from None
