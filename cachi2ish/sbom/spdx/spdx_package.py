"""A component as an SPDX package, and a package as a component.

What both formats have a field for is translated. What would come back from that translation other than it was
goes along as a leftover, so that nothing is lost there and back.
"""

from __future__ import annotations

import json

from pydantic import JsonValue, ValidationError

from cachi2ish.sbom.cyclonedx.cyclonedx_model import Component, Property
from cachi2ish.sbom.document import JsonObject, canonical
from cachi2ish.sbom.properties import TOOL, finder
from cachi2ish.sbom.spdx import leftovers, spdx_origin
from cachi2ish.sbom.spdx.spdx_model import NOASSERTION, Annotation, Package
from cachi2ish.sbom.wire import as_json

#: From the types of CycloneDX to the purposes of SPDX.
_PURPOSES = {
    "application": "APPLICATION",
    "container": "CONTAINER",
    "device": "DEVICE",
    "file": "FILE",
    "firmware": "FIRMWARE",
    "framework": "FRAMEWORK",
    "library": "LIBRARY",
    "operating-system": "OPERATING_SYSTEM",
}
_TYPES = {purpose: kind for kind, purpose in _PURPOSES.items()}

#: Texts that have a name of their own in each format.
_TEXTS = {"copyright": "copyrightText", "description": "description"}

#: Behind the name of a tool that annotates with a property as JSON: Hermeto's convention, which Konflux reads.
_ENCODED = ":jsonencoded"

_CPE = "cpe:2.3:"


def package_of(component: Component, spdx_id: str, date: str) -> Package:
    """Return ``component`` as a package; what it contains is left to the caller. date: of the annotations."""
    declared, fields = leftovers.unpack(component.properties, leftovers.SPDX)
    ref = None if component.bom_ref == component.purl else component.bom_ref
    facts = component.model_copy(update={"properties": (), "components": (), "bom_ref": ref})
    view = _as_package(facts, spdx_id)
    lost = _lost(as_json(facts), as_json(_as_component(view)))
    tool = finder(each.name for each in declared) or TOOL
    properties = (*declared, *leftovers.pack(lost, leftovers.CYCLONEDX))
    annotations = tuple(annotation_of(each, tool, date) for each in properties)
    try:
        package = Package.model_validate(as_json(view) | fields)
    except ValidationError:  # somebody has edited them
        package = view
    return package.model_copy(update={"annotations": annotations})


def component_of(package: Package) -> Component:
    """Return ``package`` as a component; annotations that are no properties are left to the caller.

    Its ``bom-ref`` is what it was when it was a component before, else the package URL, else the identifier.
    """
    found = [each for annotation in package.annotations if (each := property_of(annotation))]
    declared, fields = leftovers.unpack(found, leftovers.CYCLONEDX)
    facts = package.model_copy(update={"annotations": ()})
    view = _as_component(facts)
    lost = _lost(as_json(facts), as_json(_as_package(view, package.spdx_id)))
    try:
        component = Component.model_validate(as_json(view) | fields)
    except ValidationError:  # somebody has edited them
        component = view
    properties = (*declared, *leftovers.pack(lost, leftovers.SPDX))
    ref = component.bom_ref or component.purl or package.spdx_id
    return component.model_copy(update={"properties": properties, "bom_ref": ref})


def annotation_of(declared: Property, tool: str, date: str) -> Annotation:
    """Return a property as an annotation by ``tool``, made on ``date``."""
    # The text is compared as it is by those who merge bills for Konflux: this order, these spaces.
    comment = json.dumps({"name": declared.name, "value": declared.value or ""})
    return Annotation(
        annotator=f"Tool: {tool}{_ENCODED}", annotation_date=date, annotation_type="OTHER", comment=comment
    )


def property_of(annotation: Annotation) -> Property | None:
    """Return the property that ``annotation`` holds, or None where it is some other remark."""
    if not annotation.annotator.endswith(_ENCODED):
        return None
    try:
        return Property.model_validate_json(annotation.comment, strict=True)
    except ValidationError:
        return None


def _as_package(component: Component, spdx_id: str) -> Package:
    further = component.further
    provenance = spdx_origin.provenance_of(component.external_references)
    refs = [("PACKAGE-MANAGER", "purl", component.purl), ("SECURITY", "cpe23Type", _cpe(further.get("cpe")))]
    content: dict[str, object] = {
        "SPDXID": spdx_id,
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": provenance.download_location,
        "filesAnalyzed": False,
        "packageFileName": provenance.package_file_name,
        "sourceInfo": provenance.source_info,
        "primaryPackagePurpose": _PURPOSES.get(component.type),
        "checksums": spdx_origin.checksums_of(component.hashes),
        "externalRefs": [
            {"referenceCategory": category, "referenceType": kind, "referenceLocator": locator}
            for category, kind, locator in refs
            if locator
        ],
        **{theirs: further[ours] for ours, theirs in _TEXTS.items() if ours in further},
    }
    match further.get("licenses"):
        case [{"expression": str(expression)} as only] if isinstance(only, dict) and len(only) == 1:
            content["licenseDeclared"] = expression
    return Package.model_validate(content)


def _as_component(package: Package) -> Component:
    further = package.further
    provenance = spdx_origin.Provenance(
        package.download_location or NOASSERTION, package.package_file_name, package.source_info
    )
    hashes = spdx_origin.hashes_of(package.checksums)
    content: dict[str, object] = {
        "type": _TYPES.get(package.primary_package_purpose or "", "library"),
        "name": package.name,
        "version": package.version_info,
        "purl": next(iter(package.purls), None),
        "hashes": hashes,
        "externalReferences": spdx_origin.references_of(provenance, hashes),
        **{ours: further[theirs] for ours, theirs in _TEXTS.items() if theirs in further},
    }
    cpes = [ref.reference_locator for ref in package.external_refs if ref.reference_type == "cpe23Type"]
    if cpes:
        content["cpe"] = cpes[0]
    match further.get("licenseDeclared"):
        case str(expression) if expression not in {NOASSERTION, "NONE"}:
            content["licenses"] = [{"expression": expression}]
    return Component.model_validate(content)


def _cpe(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value.startswith(_CPE) else None


def _lost(facts: JsonObject, back: JsonObject) -> JsonObject:
    return {name: value for name, value in facts.items() if _unordered(value) != _unordered(back.get(name))}


def _unordered(value: JsonValue) -> str:
    return canonical(sorted(value, key=canonical) if isinstance(value, list) else value)
