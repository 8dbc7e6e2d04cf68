"""What ``pyproject.toml`` says of a ``pdm.lock``: groups, indexes, and whether the lock fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cachi2ish.core.targets.dependency_specifiers import read_requirement

#: The group of what the project itself needs.
DEFAULT_GROUP = "default"


@dataclass(frozen=True, slots=True)
class PdmProject:
    """A ``pyproject.toml`` as PDM reads it. document: empty where there is none."""

    document: Mapping[str, Any]

    @property
    def development_groups(self) -> Mapping[str, list[Any]]:
        """The groups that PDM takes without being asked, beside the default one."""
        found: dict[str, list[Any]] = {}
        for table in (self._table("dependency-groups"), self._table("tool", "pdm", "dev-dependencies")):
            for name, some in table.items():
                found.setdefault(canonicalize_name(name), []).extend(some if isinstance(some, list) else [])
        return found

    @property
    def optional_groups(self) -> Mapping[str, list[Any]]:
        """The extras of the project, which are groups for PDM."""
        table = self._table("project", "optional-dependencies")
        return {canonicalize_name(name): some if isinstance(some, list) else [] for name, some in table.items()}

    @property
    def indexes(self) -> tuple[str, ...]:
        """The addresses of the indexes that the project names, in their order, with variables in them."""
        tool = self._table("tool", "pdm").get("source")
        sources = [one for one in tool if isinstance(one, dict)] if isinstance(tool, list) else []
        found = [
            one["url"] for one in sources if isinstance(one.get("url"), str) and one.get("type") != "find_links"
        ]
        return tuple(found)

    @property
    def replaces_the_public_index(self) -> bool:
        """Whether an index of the project stands in for PyPI, as one that is called ``pypi`` does."""
        tool = self._table("tool", "pdm").get("source")
        return isinstance(tool, list) and any(isinstance(one, dict) and one.get("name") == "pypi" for one in tool)

    def needs(self, group: str) -> tuple[Requirement, ...]:
        """Return what a group declares; of other groups that it includes, too."""
        return tuple(self._needs(group, set()))

    @property
    def content_hashes(self) -> frozenset[str]:
        """What the ``content_hash`` of a lock is that fits; empty where that is not known."""
        if not self.document:
            return frozenset()
        project, tool = self._table("project"), self._table("tool", "pdm")
        resolution = self._table("tool", "pdm", "resolution")
        common = {
            "sources": tool.get("source", []),
            "dependencies": project.get("dependencies", []),
            "optional-dependencies": project.get("optional-dependencies", {}),
            "requires-python": project.get("requires-python", ""),
        }
        forms: tuple[Mapping[str, Any], ...] = (
            {"dev-dependencies": self.development_groups, "resolution": resolution},
            {"dev-dependencies": tool.get("dev-dependencies", {}), "overrides": resolution.get("overrides", {})},
            {"dev-dependencies": tool.get("dev-dependencies", {}), "overrides": tool.get("overrides", {})},
        )
        try:
            return frozenset(_hash({**common, **form}) for form in forms)
        except TypeError:  # a date, which JSON has not
            return frozenset()

    def _needs(self, group: str, seen: set[str]) -> list[Requirement]:
        found: list[Requirement] = []
        if group in seen:
            return found
        seen.add(group)
        project = self._table("project")
        own = project.get("dependencies") if group == DEFAULT_GROUP else None
        listed = [
            *(own if isinstance(own, list) else ()),
            *self.optional_groups.get(group, ()),
            *self.development_groups.get(group, ()),
        ]
        name = canonicalize_name(str(project.get("name", "")))
        for one in listed:
            included = one.get("include-group") if isinstance(one, dict) else None
            if isinstance(included, str):
                found += self._needs(canonicalize_name(included), seen)
                continue
            if not isinstance(one, str):
                continue  # PDM itself complains of it
            try:
                requirement = read_requirement(one)
            except InvalidRequirement:
                continue  # -e lines, and what PDM complains of
            if canonicalize_name(requirement.name) == name:
                for extra in sorted(requirement.extras):
                    found += self._needs(canonicalize_name(extra), seen)
            else:
                found.append(requirement)
        return found

    def _table(self, *keys: str) -> Mapping[str, Any]:
        document = self.document
        for key in keys:
            found = document.get(key)
            document = found if isinstance(found, dict) else {}
        return document


def _hash(content: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"
