"""Several SPDX documents become one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce

from cachi2ish.sbom.document import EPOCH, latest, to_the_second
from cachi2ish.sbom.merge.joining import join_components, joined_objects
from cachi2ish.sbom.merge.spdx_identifiers import Identifiers
from cachi2ish.sbom.properties import SUBJECT, creators_of, own_tools
from cachi2ish.sbom.spdx.spdx_model import (
    DOCUMENT,
    ROOT,
    SPDX_VERSION,
    Annotation,
    CreationInfo,
    Document,
    Package,
    Relationship,
)
from cachi2ish.sbom.spdx.spdx_package import component_of, package_of, property_of
from cachi2ish.sbom.spdx.to_spdx import UNNAMED, package_order, root_package


def merge(documents: Sequence[Document], tool_version: str, name: str | None) -> Document:
    """Return one document of all, without a namespace: packages of the same package URLs once.

    tool_version: of this program, which is named among the creators. name: of the document; None for that of the
    first.
    """
    identifiers = Identifiers()
    documents = [identifiers.unify(document) for document in documents]
    infos = [document.creation_info for document in documents]
    created = to_the_second(latest(info.created for info in infos) or EPOCH)
    creators = [
        *creators_of(own_tools(tool_version), None),
        *(creator for info in infos for creator in info.creators),
    ]
    info = CreationInfo.model_validate(reduce(joined_objects, (info.further for info in infos)))
    further = reduce(joined_objects, (document.further for document in documents))
    return Document.model_validate({**further, "spdxVersion": SPDX_VERSION, "SPDXID": DOCUMENT}).model_copy(
        update={
            "data_license": "CC0-1.0",
            "name": name or documents[0].name or UNNAMED,
            "creation_info": info.model_copy(
                update={"created": created, "creators": tuple(dict.fromkeys(creators))}
            ),
            "packages": tuple(sorted(_packages(documents, created), key=package_order)),
            "relationships": _relationships(documents),
            "annotations": _annotations(documents),
        }
    )


def _packages(documents: Sequence[Document], date: str) -> Iterator[Package]:
    same: dict[str, list[Package]] = defaultdict(list)
    for document in documents:
        for package in document.packages:
            same[package.spdx_id].append(package)
    for spdx_id, packages in same.items():
        yield root_package() if spdx_id == ROOT else _joined(packages, date)


def _joined(packages: Sequence[Package], date: str) -> Package:
    if len(packages) == 1:
        return packages[0]
    # One package has one location and one set of digests; only components can be of several files.
    component = join_components([component_of(package) for package in packages])
    merged = package_of(component, packages[0].spdx_id, date)
    before: dict[str, Annotation] = {}
    for package in packages:
        for annotation in package.annotations:
            before.setdefault(annotation.comment, annotation)
    properties = [before.get(annotation.comment, annotation) for annotation in merged.annotations]
    remarks = [annotation for annotation in before.values() if property_of(annotation) is None]
    return merged.model_copy(update={"annotations": (*properties, *remarks)})


def _relationships(documents: Sequence[Document]) -> tuple[Relationship, ...]:
    found: dict[tuple[str, str, str], Relationship] = {}
    for document in documents:
        for one in document.relationships:
            # Two packages that have become one may have been related.
            if one.spdx_element_id != one.related_spdx_element:
                found.setdefault((one.spdx_element_id, one.relationship_type, one.related_spdx_element), one)
    return tuple(found[key] for key in sorted(found))


def _annotations(documents: Sequence[Document]) -> tuple[Annotation, ...]:
    found: dict[tuple[str, str], Annotation] = {}
    for number, document in enumerate(documents):
        for annotation in document.annotations:
            declared = property_of(annotation)
            # The merged document has one subject, if any: the first one's.
            if number == 0 or declared is None or declared.name != SUBJECT:
                found.setdefault((annotation.comment, annotation.annotator), annotation)
    return tuple(found[key] for key in sorted(found))
