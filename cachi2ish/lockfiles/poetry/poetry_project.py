"""What ``pyproject.toml`` says of a ``poetry.lock``: groups, which of them are optional, and what they need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.lockfiles.poetry.poetry_constraints import python_marker
from cachi2ish.lockfiles.poetry.poetry_model import parse_edges

#: The group of what the project itself needs.
MAIN = "main"

_LEGACY = ("dependencies", "source", "extras", "dev-dependencies")
_OF_PROJECT = ("requires-python", "dependencies", "optional-dependencies")


@dataclass(frozen=True, slots=True)
class Need:
    """What a group needs: a name, and a constraint as Poetry writes it. optional: only an extra asks for it."""

    name: str
    constraint: str = "*"
    extras: tuple[str, ...] = ()
    marker: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class PoetryProject:
    """A ``pyproject.toml`` as Poetry reads it. document: empty where there is none."""

    document: Mapping[str, Any]
    needs: Mapping[str, tuple[Need, ...]] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[str, list[Need]] = {}
        for group, need in _needs(self.document):
            found.setdefault(group, [])
            if need is not None:
                found[group].append(need)
        object.__setattr__(self, "needs", {group: tuple(some) for group, some in found.items()})

    @property
    def optional_groups(self) -> frozenset[str]:
        """The groups that Poetry takes only when it is asked for them."""
        groups = _table(self.document, "tool", "poetry", "group")
        return frozenset(
            canonicalize_name(name)
            for name, group in groups.items()
            if isinstance(group, dict) and group.get("optional") is True
        )

    @property
    def content_hashes(self) -> frozenset[str]:
        """What the ``content-hash`` of a lock is that fits; empty where that is not known.

        Poetry before 2.2 left ``[dependency-groups]`` out.
        """
        if not self.document:
            return frozenset()
        try:
            return frozenset(_content_hash(self.document, with_groups=one) for one in (True, False))
        except TypeError:  # a date, which JSON has not
            return frozenset()


def _content_hash(document: Mapping[str, Any], *, with_groups: bool) -> str:
    """Return the hash of all that decides what is locked, as `poetry.packages.locker` computes it."""
    project, poetry = _table(document, "project"), _table(document, "tool", "poetry")
    groups = _table(document, "dependency-groups") if with_groups else {}
    of_project = {key: project[key] for key in _OF_PROJECT if project.get(key) is not None}
    of_poetry = {
        key: poetry.get(key)
        for key in (*_LEGACY, "group")
        if poetry.get(key) is not None or (key in _LEGACY and not of_project and not groups)
    }
    content: Mapping[str, Any] = of_poetry
    if of_project or groups:
        content = {
            **({"project": of_project} if of_project else {}),
            **({"dependency-groups": groups} if groups else {}),
            "tool": {"poetry": of_poetry},
        }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _needs(document: Mapping[str, Any]) -> Iterator[tuple[str, Need | None]]:
    yield MAIN, None
    project, poetry = _table(document, "project"), _table(document, "tool", "poetry")
    yield from ((MAIN, need) for need in _of_texts(project.get("dependencies"), optional=False))
    for some in _table(project, "optional-dependencies").values():
        yield from ((MAIN, need) for need in _of_texts(some, optional=True))
    # Beside [project], Poetry's own table only says more about what is declared there.
    if "dependencies" not in project:
        yield from ((MAIN, need) for need in _of_table(_table(poetry, "dependencies")))
    yield from (("dev", need) for need in _of_table(_table(poetry, "dev-dependencies")))
    for name, group in _table(poetry, "group").items():
        yield canonicalize_name(name), None
        if isinstance(group, dict):
            yield from ((canonicalize_name(name), need) for need in _of_table(_table(group, "dependencies")))
    for name, some in _table(document, "dependency-groups").items():
        yield canonicalize_name(name), None
        yield from ((canonicalize_name(name), need) for need in _of_texts(some, optional=False))


def _of_texts(texts: object, *, optional: bool) -> Iterator[Need]:
    for text in texts if isinstance(texts, list) else ():
        if not isinstance(text, str):
            continue  # Poetry says so
        try:
            one = read_requirement(text)
        except InvalidRequirement:
            continue  # as well
        marker = None if one.marker is None else str(one.marker)
        yield Need(
            canonicalize_name(one.name), str(one.specifier) or "*", tuple(sorted(one.extras)), marker, optional
        )


def _of_table(table: Mapping[str, Any]) -> Iterator[Need]:
    for name, value in table.items():
        if canonicalize_name(name) == "python":
            continue
        for raw in value if isinstance(value, list) else [value]:
            try:
                edges = parse_edges(raw)
            except msgspec.ValidationError:
                continue  # Poetry says so
            python = raw.get("python") if isinstance(raw, dict) else None
            for edge in edges:
                markers = [edge.markers, python_marker(python) if isinstance(python, str) else None]
                both = " and ".join(f"({one})" for one in markers if one)
                yield Need(canonicalize_name(name), edge.version, edge.extras, both or None, edge.optional)


def _table(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        found = document.get(key)
        document = found if isinstance(found, dict) else {}
    return document
