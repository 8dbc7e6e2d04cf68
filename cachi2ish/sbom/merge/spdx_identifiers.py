"""Identifiers of several SPDX documents that become one: equal things share one, different things do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cachi2ish.sbom.document import canonical, renamed, unique
from cachi2ish.sbom.merge.joining import purl_key
from cachi2ish.sbom.merge.to_cyclonedx import declared_subject, is_root
from cachi2ish.sbom.spdx.spdx_model import DOCUMENT, ROOT, Document, Package
from cachi2ish.sbom.wire import as_json

#: The fields of SPDX 2.3 in which something is named by its identifier, alone or in a license expression.
_NAMING = frozenset(
    {
        "SPDXID",
        "documentDescribes",
        "externalDocumentId",
        "hasFiles",
        "licenseConcluded",
        "licenseDeclared",
        "licenseId",
        "licenseInfoFromFiles",
        "licenseInfoInFiles",
        "licenseInfoInSnippets",
        "reference",
        "relatedSpdxElement",
        "snippetFromFile",
        "spdxElementId",
    }
)

#: An identifier of the document itself: behind a colon stands one of another document.
_IDENTIFIER = re.compile(r"(?<!:)(?:SPDXRef|LicenseRef)-[0-9A-Za-z.-]+|DocumentRef-[0-9A-Za-z.+-]+")

#: What has an identifier, and the field in which it has it. Each group may name what is in those before it:
#: whether two files are the same is known when their licenses are.
_IDENTIFIED = (
    {"hasExtractedLicensingInfos": "licenseId", "externalDocumentRefs": "externalDocumentId"},
    {"files": "SPDXID"},
    {"packages": "SPDXID", "snippets": "SPDXID"},
)


class Identifiers:
    """Remembers which identifier stands for what, over all documents that it has settled."""

    def __init__(self) -> None:
        self._of = {ROOT: ROOT}
        self._taken = {DOCUMENT, ROOT}
        self._subjects: list[str | None] = []

    def unify(self, document: Document) -> Document:
        """Return ``document`` with the identifiers that hold for all documents."""
        self._subjects.append(_subject(document))
        names = {document.spdx_id: DOCUMENT}
        for group in _IDENTIFIED:
            for name, known_by in self._things(document, group):
                if known_by not in self._of:
                    self._of[known_by] = unique(name, self._taken)
                names[name] = self._of[known_by]
            if any(before != after for before, after in names.items()):
                document = Document.model_validate(renamed(as_json(document), names, _NAMING, _IDENTIFIER))
            names = {}
        return document

    def _things(self, document: Document, group: dict[str, str]) -> Iterator[tuple[str, str]]:
        for field, identifying in group.items():
            if field == "packages":
                for package in document.packages:
                    yield package.spdx_id, self._known_by(package, document)
            things = document.further.get(field)
            for thing in things if isinstance(things, list) else ():
                name = thing.get(identifying) if isinstance(thing, dict) else None
                if isinstance(name, str):
                    yield name, canonical([field, thing])

    def _known_by(self, package: Package, document: Document) -> str:
        if is_root(package):
            return ROOT
        known_by = _known_by(package)
        # The subject is told apart: it may need a package of its own name.
        of_all = known_by == self._subjects[0] and package.spdx_id == declared_subject(document)
        return canonical(["subject", known_by]) if of_all else known_by


def _subject(document: Document) -> str | None:
    subject = declared_subject(document)
    return next((_known_by(package) for package in document.packages if package.spdx_id == subject), None)


def _known_by(package: Package) -> str:
    if package.purls:
        return canonical([*sorted({purl_key(purl) for purl in package.purls})])
    return canonical(as_json(package.model_copy(update={"spdx_id": "", "annotations": ()})))
