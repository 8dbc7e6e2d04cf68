"""From an SPDX document to a CycloneDX document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cachi2ish.sbom.cyclonedx.cyclonedx_bom import SPEC_VERSION
from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom, Component, Metadata, Needs
from cachi2ish.sbom.document import EPOCH, JsonObject, canonical, latest, to_the_second, unique
from cachi2ish.sbom.properties import SUBJECT, tools_of
from cachi2ish.sbom.spdx.spdx_model import DOCUMENT, ROOT, Annotation, Document, Package, Relationship
from cachi2ish.sbom.spdx.spdx_package import component_of, property_of

#: Who needs whom: the first the second.
_NEEDS = "DEPENDS_ON"
#: The other way round: the first is needed by the second.
_NEEDED_BY = frozenset(
    f"{purpose}DEPENDENCY_OF" for purpose in ("", "BUILD_", "DEV_", "OPTIONAL_", "PROVIDED_", "RUNTIME_", "TEST_")
)

_ACTORS = {"Organization": "organization", "Person": "individual"}


def to_cyclonedx(document: Document) -> Bom:
    """Return ``document`` as a CycloneDX document without a serial number; what `unplaced` names is left out."""
    packages = [package for package in document.packages if not is_root(package)]
    taken: set[str] = set()
    components = {package.spdx_id: _with_unique_reference(component_of(package), taken) for package in packages}
    refs = {spdx_id: component.bom_ref or "" for spdx_id, component in components.items()}
    properties = [each for annotation in document.annotations if (each := property_of(annotation))]
    subject = components.get(declared_subject(document) or "")
    created = latest([document.creation_info.created])
    remarks = list(_remarks(packages, refs))
    fields: JsonObject = {"annotations": [*remarks]} if remarks else {}
    metadata: JsonObject = tools_of(document.creation_info.creators)
    return Bom.model_validate(
        {
            "bomFormat": "CycloneDX",
            "specVersion": SPEC_VERSION,
            "version": 1,
            "metadata": Metadata.model_validate(metadata).model_copy(
                update={
                    "timestamp": to_the_second(created) if created else None,
                    "component": subject,
                    "properties": tuple(each for each in properties if each.name != SUBJECT),
                }
            ),
            "components": sorted((one for one in components.values() if one is not subject), key=component_order),
            "dependencies": _needs(document.relationships, refs),
            **fields,
        }
    )


def _with_unique_reference(component: Component, taken: set[str]) -> Component:
    return component.model_copy(update={"bom_ref": unique(component.bom_ref or "", taken, "|")})


def component_order(component: Component) -> tuple[str, str, bool, str, str]:
    """Return what components of a document are sorted by."""
    version = component.version
    return component.type, component.name, version is None, version or "", component.bom_ref or ""


def declared_subject(document: Document) -> str | None:
    """Return the identifier of the package that ``document`` is about; None where it does not say so."""
    properties = (property_of(annotation) for annotation in document.annotations)
    return next((each.value for each in properties if each and each.name == SUBJECT), None)


def is_root(package: Package) -> bool:
    """Return whether ``package`` only stands for what was looked at."""
    return package.spdx_id == ROOT or (not package.name and not package.purls)


def unplaced(document: Document) -> tuple[str, ...]:
    """Return the names of what ``document`` says and CycloneDX has no place for, sorted."""
    roots = {DOCUMENT, *(package.spdx_id for package in document.packages if is_root(package))}
    kinds = {
        f"relationships of type {one.relationship_type}"
        for one in document.relationships
        if one.relationship_type not in {_NEEDS, *_NEEDED_BY} and one.spdx_element_id not in roots
    }
    return tuple(sorted(document.further.keys() - {"documentDescribes"} | kinds))


def _needs(relationships: Iterable[Relationship], refs: dict[str, str]) -> tuple[Needs, ...]:
    needs: dict[str, set[str]] = {ref: set() for ref in refs.values()}
    found = False
    for one in relationships:
        pair = one.spdx_element_id, one.related_spdx_element
        kind = one.relationship_type
        if kind in _NEEDED_BY:
            pair = pair[1], pair[0]
        if kind in {_NEEDS, *_NEEDED_BY} and pair[0] in refs and pair[1] in refs:
            needs[refs[pair[0]]].add(refs[pair[1]])
            found = True
    # Where nothing is said of dependencies, a list that says that there are none would be another statement.
    return tuple(Needs(ref=ref, depends_on=tuple(sorted(needs[ref]))) for ref in sorted(needs)) if found else ()


def _remarks(packages: Iterable[Package], refs: dict[str, str]) -> Iterator[JsonObject]:
    subjects: dict[str, tuple[Annotation, list[str]]] = {}
    for package in packages:
        for annotation in package.annotations:
            if property_of(annotation) is None:
                same = canonical([annotation.annotator, annotation.comment])
                subjects.setdefault(same, (annotation, []))[1].append(refs[package.spdx_id])
    for _, (annotation, about) in sorted(subjects.items()):
        yield {
            "subjects": [*sorted(about)],
            "annotator": _annotator(annotation.annotator),
            "timestamp": annotation.annotation_date or to_the_second(EPOCH),
            "text": annotation.comment,
        }


def _annotator(actor: str) -> JsonObject:
    kind, _, name = actor.partition(": ")
    if kind in _ACTORS:
        return {_ACTORS[kind]: {"name": name}}
    return {"component": {"type": "application", "name": name or actor}}
