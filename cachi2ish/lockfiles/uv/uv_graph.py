"""What of ``uv.lock`` is wanted: members of the workspace, their groups and extras, and all that these need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from packaging.utils import canonicalize_name

from cachi2ish.core.targets.environments import EVERYWHERE, NOWHERE, Environments, environments_of
from cachi2ish.errors import InputError, LockFileError, Origin
from cachi2ish.lockfiles.interface import EVERYTHING, Needs, Selection
from cachi2ish.lockfiles.lock_graph import chosen, needs_of, reach
from cachi2ish.lockfiles.uv.uv_model import ConflictItem, Declared, Dependency, Package, UvLock


class Node(Struct, frozen=True):
    """A package by its place in the file, without anything, or with one extra or one group of it."""

    package: int
    extra: str = ""
    group: str = ""


class Wanted(Struct, frozen=True):
    """What is wanted: places of the members, and their groups and extras. packages: by name, of no member."""

    members: tuple[int, ...]
    groups: tuple[str, ...]
    extras: tuple[str, ...]
    others: tuple[Declared, ...] = ()


@dataclass(frozen=True)
class UvGraph:
    """A lock whose packages are read. origins: where each begins. default_groups: None for all."""

    file: str
    lock: UvLock
    packages: Sequence[Package]
    origins: Sequence[Origin]
    default_groups: tuple[str, ...] | None = ("dev",)
    _places: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for place, package in enumerate(self.packages):
            self._places[package.name].append(place)

    @property
    def members(self) -> tuple[int, ...]:
        """The places of the user's own packages."""
        names = set(self.lock.manifest.members)
        local = [place for place, one in enumerate(self.packages) if one.source.folder is not None]
        listed = tuple(place for place in local if self.packages[place].name in names)
        return listed or tuple(place for place in local if self.packages[place].source.folder in {".", ""})

    def wanted(self, selection: Selection) -> Wanted:
        """Return what uv would take; raises `InputError` for names that are not there, and for conflicts."""
        members = self._members(selection.packages)
        manifest = self.lock.manifest
        own = {} if selection.packages else manifest.dependency_groups
        known = {name for place in members for name in self.packages[place].dev_dependencies} | own.keys()
        defaults = known if self.default_groups is None else known.intersection(self.default_groups)
        if EVERYTHING in selection.no_groups:
            defaults = set()
        left_out = chosen("group", [one for one in selection.no_groups if one != EVERYTHING], known, self.file)
        named = chosen("group", selection.groups, known, self.file)
        groups = tuple(one for one in dict.fromkeys((*sorted(defaults), *named)) if one not in left_out)
        extras = {name for place in members for name in self._extras_of(place)}
        wanted = Wanted(
            members,
            groups,
            chosen("extra", selection.extras, extras, self.file),
            (
                *(() if selection.packages else manifest.requirements),
                *(one for name in groups for one in own.get(name, ())),
            ),
        )
        self._refuse_conflicts(wanted)
        return wanted

    def reached(self, wanted: Wanted) -> Mapping[Node, Environments]:
        """Return what is needed, and where. Raises `LockFileError`."""
        active = {item.encoded for item in self._items(wanted)}
        while True:
            # An extra that a dependency asks for may be part of a conflict too, and decides others then.
            found = self._walk(wanted, active)
            more = {self._encoded(node) for node in found} - active
            if not more:
                return found
            active |= more

    def needs(
        self,
        wanted: Wanted,
        found: Mapping[Node, Environments],
        number_of: Callable[[int], int | None],
        count: int,
    ) -> Needs:
        """Return who needs what. found: of `reached`. number_of: which requirement a package is."""
        active = {self._encoded(node) for node in found} | {item.encoded for item in self._items(wanted)}
        roots: dict[str, list[Node]] = {}
        for node, _ in self._roots(wanted):
            of_member = node.package in wanted.members
            label = node.group or (f"extra:{node.extra}" if node.extra and of_member else "project")
            roots.setdefault(label, []).append(node)

        def edges_of(node: Node) -> list[Node]:
            here = found.get(node, NOWHERE)
            return [other for other, where in self._edges(node, active) if here & where != NOWHERE]

        return needs_of(roots, edges_of, lambda node: number_of(node.package), count)

    def _walk(self, wanted: Wanted, active: set[str]) -> Mapping[Node, Environments]:
        return reach(self._roots(wanted), lambda node: self._edges(node, active))

    def _edges(self, node: Node, active: set[str]) -> Iterator[tuple[Node, Environments]]:
        package = self.packages[node.package]
        if node.group:
            edges = package.dev_dependencies.get(node.group, ())
        elif node.extra:
            edges = package.optional_dependencies.get(node.extra, ())
        else:
            edges = package.dependencies
        for edge in edges:
            yield from self._targets(edge, self.origins[node.package], active)

    def _roots(self, wanted: Wanted) -> Iterator[tuple[Node, Environments]]:
        for place in wanted.members:
            package = self.packages[place]
            yield Node(place), EVERYWHERE
            yield from (
                (Node(place, extra=one), EVERYWHERE) for one in wanted.extras if one in self._extras_of(place)
            )
            yield from (
                (Node(place, group=one), EVERYWHERE) for one in wanted.groups if one in package.dev_dependencies
            )
        for one in wanted.others:
            where = self._where(one.marker or None, frozenset(), Origin(self.file))
            for place in self._places.get(one.name, ()):
                yield from ((Node(place, extra=extra), where) for extra in ("", *one.extras))

    def _targets(self, edge: Dependency, origin: Origin, active: set[str]) -> Iterator[tuple[Node, Environments]]:
        places = [
            place
            for place in self._places.get(edge.name, ())
            if edge.version in {None, self.packages[place].version}
            and edge.source in {None, self.packages[place].source}
        ]
        if len(places) != 1:
            what = "is not in it" if not places else "is in it several times"
            raise LockFileError(f"a package here needs {edge.name}, which {what}", hint=LOCK_AGAIN, origin=origin)
        where = self._where(edge.marker, active, origin)
        yield from ((Node(places[0], extra=extra), where) for extra in ("", *edge.extra))

    def _where(self, marker: str | None, active: Iterable[str], origin: Origin) -> Environments:
        try:
            return environments_of(marker, lambda extra: extra in active)
        except (ValueError, RecursionError) as error:
            reason = str(error).partition("\n")[0] or "it is nested too deeply"
            raise LockFileError(f"a marker cannot be read: {reason}", hint=LOCK_AGAIN, origin=origin) from None

    def _members(self, names: Sequence[str]) -> tuple[int, ...]:
        members = self.members
        if names:
            known = {self.packages[place].name: place for place in members}
            return tuple(known[name] for name in chosen("workspace member", names, known, self.file))
        at_root = tuple(place for place in members if self.packages[place].source.folder in {".", ""})
        return at_root or members  # a workspace whose root is no project stands for all its members

    def _extras_of(self, place: int) -> set[str]:
        return set(self.packages[place].optional_dependencies)

    def _items(self, wanted: Wanted) -> Iterator[ConflictItem]:
        for place in wanted.members:
            name = self.packages[place].name
            yield ConflictItem(name)
            yield from (ConflictItem(name, extra=one) for one in wanted.extras if one in self._extras_of(place))
            groups = self.packages[place].dev_dependencies
            yield from (ConflictItem(name, group=one) for one in wanted.groups if one in groups)

    def _encoded(self, node: Node) -> str:
        return ConflictItem(self.packages[node.package].name, node.extra or None, node.group or None).encoded

    def _refuse_conflicts(self, wanted: Wanted) -> None:
        items = set(self._items(wanted))
        for conflict in self.lock.conflicts:
            met = [item for item in conflict if item in items]
            if len(met) > 1:
                listed = " and ".join(_shown(item) for item in met)
                raise InputError(
                    f"{listed} conflict, as the project declares: uv never installs them together",
                    hint="list a package of the input for each of them",
                    origin=Origin(self.file),
                )


LOCK_AGAIN = "lock again with `uv lock`; if that writes the same, tell its makers"


def _shown(item: ConflictItem) -> str:
    if item.extra is not None:
        return f"the extra {item.extra!r} of {item.package}"
    return item.package if item.group is None else f"the group {item.group!r} of {item.package}"


def default_groups_of(pyproject: Mapping[str, object]) -> tuple[str, ...] | None:
    """Return the groups that uv takes without being named (``tool.uv.default-groups``); None for all."""
    tool = pyproject.get("tool")
    uv = tool.get("uv") if isinstance(tool, dict) else None
    groups = uv.get("default-groups", ["dev"]) if isinstance(uv, dict) else ["dev"]
    if groups == "all":
        return None
    return (
        tuple(canonicalize_name(one) for one in groups if isinstance(one, str)) if isinstance(groups, list) else ()
    )
