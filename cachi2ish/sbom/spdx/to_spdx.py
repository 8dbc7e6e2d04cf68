"""From a CycloneDX document to an SPDX document.

In SPDX everything hangs on a package without a name, as in the bills of Hermeto: the document describes it, and it
contains all others. Whoever merges such bills puts, say, a container image in its place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct
from pydantic import JsonValue

from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom, Component, Metadata, Property
from cachi2ish.sbom.document import canonical, document_text, unique
from cachi2ish.sbom.properties import SUBJECT, TOOL, creators_of
from cachi2ish.sbom.spdx.spdx_model import (
    DOCUMENT,
    NOASSERTION,
    ROOT,
    SPDX_VERSION,
    Annotation,
    CreationInfo,
    Document,
    Package,
    Relationship,
)
from cachi2ish.sbom.spdx.spdx_package import annotation_of, package_of
from cachi2ish.sbom.wire import as_json

#: The name of a document about nothing in particular; SPDX wants one.
UNNAMED = "sbom"

#: Who may stand before the name of an annotator.
_ACTORS = {"organization": "Organization", "individual": "Person", "component": "Tool", "service": "Tool"}


def to_spdx(bom: Bom, created: str) -> Document:
    """Return ``bom`` as an SPDX document without a namespace.

    created: UTC, to the second; also of the annotations. Contained components become packages beside the one that
    contains them. What `unplaced` names is left out.
    """
    metadata = bom.metadata or Metadata()
    subject = metadata.component
    taken: set[str] = set()
    tops = [_numbered(one, taken) for one in (*((subject,) if subject else ()), *bom.components)]
    entries = [entry for top in tops for entry in _flat(top)]
    remarks = _remarks(bom.further.get("annotations"))
    declared = (Property(name=SUBJECT, value=tops[0].spdx_id),) if subject else ()
    return Document(
        spdx_version=SPDX_VERSION,
        spdx_id=DOCUMENT,
        data_license="CC0-1.0",
        name=(subject.name if subject else "") or UNNAMED,
        creation_info=CreationInfo(
            created=created, creators=creators_of(metadata.tools, metadata.further.get("authors"))
        ),
        packages=(
            root_package(),
            *sorted((_package(entry, remarks, created) for entry in entries), key=package_order),
        ),
        relationships=tuple(
            related(*triple) for triple in sorted({*_containing(tops, entries), *_needing(bom, entries)})
        ),
        annotations=tuple(annotation_of(each, TOOL, created) for each in (*declared, *metadata.properties)),
    )


def _containing(tops: list[_Entry], entries: list[_Entry]) -> Iterator[tuple[str, str, str]]:
    yield DOCUMENT, "DESCRIBES", ROOT
    for top in tops:
        yield ROOT, "CONTAINS", top.spdx_id
    for entry in entries:
        for part in entry.parts:
            yield entry.spdx_id, "CONTAINS", part.spdx_id


def _needing(bom: Bom, entries: list[_Entry]) -> Iterator[tuple[str, str, str]]:
    ids = {entry.component.bom_ref: entry.spdx_id for entry in entries}
    for needs in bom.dependencies:
        for needed in needs.depends_on:
            if needs.ref in ids and needed in ids:
                yield ids[needs.ref], "DEPENDS_ON", ids[needed]


def root_package() -> Package:
    """Return the package without a name that contains all others."""
    return Package(spdx_id=ROOT, name="", version_info="", download_location=NOASSERTION, files_analyzed=False)


def package_order(package: Package) -> tuple[bool, str, str, str]:
    """Return what packages of a document are sorted by; the root is first."""
    return package.spdx_id != ROOT, package.name, package.version_info or "", package.spdx_id


def related(element: str, kind: str, other: str) -> Relationship:
    """Return a relationship."""
    return Relationship(spdx_element_id=element, relationship_type=kind, related_spdx_element=other)


def unplaced(bom: Bom) -> tuple[str, ...]:
    """Return the names of the fields of ``bom`` for which SPDX has no place, sorted."""
    metadata = bom.metadata.further if bom.metadata else {}
    beside = {f"metadata.{name}" for name in metadata.keys() - {"authors"}}
    return tuple(sorted(bom.further.keys() - {"annotations", "signature"} | beside))


def render(document: Document) -> str:
    """Return ``document`` as text, with the namespace that its content gives it."""
    content = as_json(document)
    number = uuid5(NAMESPACE_URL, canonical(content))
    name = re.sub(r"[^0-9a-z.]+", "-", (document.name or UNNAMED).lower()).strip("-")
    # The form that the specification gives for those who have no website of their own (clause 6.5).
    content["documentNamespace"] = f"https://spdx.org/spdxdocs/{name or UNNAMED}-{number}"
    return document_text(content)


class _Entry(Struct, frozen=True):
    """A component with the identifier that its package will have. parts: what it contains."""

    component: Component
    spdx_id: str
    parts: tuple[_Entry, ...]


def _numbered(component: Component, taken: set[str]) -> _Entry:
    facts = canonical([component.name, component.version, component.purl, component.bom_ref])
    candidate = f"{_readable(component)}-{hashlib.sha256(facts.encode()).hexdigest()}"
    spdx_id = unique(candidate, taken)
    return _Entry(component, spdx_id, tuple(_numbered(part, taken) for part in component.components))


def _flat(entry: _Entry) -> Iterator[_Entry]:
    yield entry
    for part in entry.parts:
        yield from _flat(part)


def _readable(component: Component) -> str:
    text = "-".join(filter(None, ("SPDXRef-Package", component.name, component.version)))
    return re.sub("[^0-9A-Za-z.-]", "-", text)


def _remarks(annotations: JsonValue) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for remark in annotations if isinstance(annotations, list) else ():
        match remark:
            case {"subjects": list(subjects), "annotator": dict(annotator), "text": str(text)}:
                for subject in subjects:
                    found.setdefault(str(subject), []).append((_actor(annotator), text))
    return found


def _actor(annotator: dict[str, JsonValue]) -> str:
    for kind, party in annotator.items():
        if kind in _ACTORS and isinstance(party, dict):
            return f"{_ACTORS[kind]}: {party.get('name') or 'unknown'}"
    return "Tool: unknown"


def _package(entry: _Entry, remarks: dict[str, list[tuple[str, str]]], date: str) -> Package:
    component = entry.component
    package = package_of(component, entry.spdx_id, date)
    added = tuple(
        Annotation(annotator=who, annotation_date=date, annotation_type="OTHER", comment=text)
        for who, text in remarks.get(component.bom_ref or component.purl or "", ())
    )
    return package.model_copy(update={"annotations": (*package.annotations, *added)}) if added else package
