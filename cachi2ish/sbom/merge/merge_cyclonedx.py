"""Several CycloneDX documents become one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

from pydantic import JsonValue

from cachi2ish.sbom.cyclonedx.cyclonedx_bom import SPEC_VERSION
from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom, Component, Metadata, Needs
from cachi2ish.sbom.document import (
    JsonObject,
    canonical,
    latest,
    renamed,
    to_the_second,
    unique,
    values_of,
)
from cachi2ish.sbom.merge.joining import join_components, joined, joined_objects, purl_key
from cachi2ish.sbom.merge.to_cyclonedx import component_order
from cachi2ish.sbom.properties import own_tools, tool_components
from cachi2ish.sbom.wire import as_json

#: The fields of CycloneDX 1.6 in which something is named by its ``bom-ref``.
_NAMING = frozenset(
    {"bom-ref", "ref", "dependsOn", "provides", "subjects", "assemblies", "dependencies", "vulnerabilities"}
)
_WHOLE = re.compile(r".+", re.DOTALL)

#: What a component is known by in all documents. The subject is told apart: it may need a package of its own name.
_Key = tuple[bool, str]


def merge(boms: Sequence[Bom], tool_version: str) -> Bom:
    """Return one document of all: each package URL once, the first document's subject as the subject.

    tool_version: of this program, which is named among the tools.
    """
    subject = _subject_of(boms[0])
    references = _References(subject)
    boms = [references.unify(bom) for bom in boms]
    same: dict[_Key, list[Component]] = defaultdict(list)
    for bom in boms:
        for key, component in _keyed(bom, subject):
            same[key].append(component)
    merged = {key: join_components(components) for key, components in same.items()}
    of_all = merged.pop((True, subject), None) if subject else None
    further = reduce(joined_objects, (bom.further for bom in boms))
    return Bom.model_validate(
        {
            **{
                name: value for name, value in further.items() if name != "signature"
            },  # it signed another document
            "bomFormat": "CycloneDX",
            "specVersion": SPEC_VERSION,
            "version": 1,
            "metadata": _metadata([bom.metadata or Metadata() for bom in boms], of_all, tool_version),
            "components": sorted(merged.values(), key=component_order),
            "dependencies": _needs(needs for bom in boms for needs in bom.dependencies),
        }
    )


def _subject_of(bom: Bom) -> str | None:
    return _known_by(bom.metadata.component) if bom.metadata and bom.metadata.component else None


def _known_by(component: Component) -> str:
    if component.purl:
        return purl_key(component.purl)
    return canonical(as_json(component.model_copy(update={"bom_ref": None})))


def _keyed(bom: Bom, subject: str | None) -> Iterator[tuple[_Key, Component]]:
    if bom.metadata and bom.metadata.component:
        own = _known_by(bom.metadata.component)
        yield (own == subject, own), bom.metadata.component
    for component in bom.components:
        yield (False, _known_by(component)), component


class _References:
    """Sees to it that one ``bom-ref`` names one thing in all documents, and one thing has one of them."""

    def __init__(self, subject: str | None) -> None:
        self._subject = subject
        self._of: dict[_Key, str] = {}
        self._taken: set[str] = set()

    def unify(self, bom: Bom) -> Bom:
        """Return ``bom`` with the references that hold for all documents."""
        names: dict[str, str] = {}
        for key, component in _keyed(bom, self._subject):
            if component.bom_ref:
                if key not in self._of:
                    self._of[key] = unique(component.bom_ref, self._taken, "|")
                names[component.bom_ref] = self._of[key]
        content = as_json(bom)
        for ref in values_of(content, "bom-ref"):  # of services, of parts of components
            if ref not in names:
                names[ref] = unique(ref, self._taken, "|")
        if all(before == after for before, after in names.items()):
            return bom
        return Bom.model_validate(renamed(content, names, _NAMING, _WHOLE))


def _metadata(parts: Sequence[Metadata], subject: Component | None, tool_version: str) -> Metadata:
    lists: list[JsonValue] = [
        tool_components(own_tools(tool_version)),
        *(tool_components(part.tools) for part in parts),
    ]
    components = reduce(joined, lists)
    services = [
        part.tools["services"] for part in parts if isinstance(part.tools, dict) and "services" in part.tools
    ]
    used: JsonObject = {"components": components}
    if services:
        used["services"] = reduce(joined, services)
    created = latest(part.timestamp for part in parts)
    every = {(each.name, each.value or ""): each for part in parts for each in part.properties}
    return Metadata.model_validate(reduce(joined_objects, (part.further for part in parts))).model_copy(
        update={
            "timestamp": to_the_second(created) if created else None,
            "tools": used,
            "component": subject,
            "properties": tuple(every[key] for key in sorted(every)),
        }
    )


def _needs(all_needs: Iterable[Needs]) -> list[Needs]:
    contents: dict[str, JsonValue] = {}
    for needs in all_needs:
        contents[needs.ref] = joined(contents.get(needs.ref), as_json(needs))
    found = [Needs.model_validate(contents[ref]) for ref in sorted(contents)]
    # Two components that have become one may have depended on each other.
    return [one.model_copy(update={"depends_on": tuple(sorted({*one.depends_on} - {one.ref}))}) for one in found]
