"""A JSON schema of SPDX 2.3, written for these tests after the specification: names, forms and nothing besides.

It has the fields that the specification gives to documents, packages, relationships and annotations in JSON, and
refuses all others, as the published schema does: ``integration-tests/test_spdx_schema.py`` fetches that one, and
compares. Of files and snippets this one only says that they are lists.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft7Validator


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


def _one_of(words: str) -> dict[str, Any]:
    return {"enum": words.split()}


_TEXT = {"type": "string"}
_TRUTH = {"type": "boolean"}
_ID = {"type": "string", "pattern": r"^SPDXRef-[A-Za-z0-9.-]+$"}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_ACTOR = {"type": "string", "pattern": r"^(Tool|Organization|Person): \S"}
_ANYTHING = _list({"type": "object"})

_CHECKSUM = _object(
    "algorithm checksumValue",
    algorithm=_one_of(
        "SHA1 BLAKE3 SHA3-384 SHA256 SHA384 BLAKE2b-512 BLAKE2b-256 SHA3-512 MD2 ADLER32 MD4 SHA3-256"
        " BLAKE2b-384 SHA512 MD6 MD5 SHA224"
    ),
    checksumValue={"type": "string", "pattern": "^[0-9a-f]+$"},
)
_ANNOTATION = _object(
    "annotationDate annotationType annotator comment",
    annotationDate=_TIME,
    annotationType=_one_of("OTHER REVIEW"),
    annotator=_ACTOR,
    comment=_TEXT,
)
_EXTERNAL_REF = _object(
    "referenceCategory referenceLocator referenceType",
    comment=_TEXT,
    referenceCategory=_one_of("OTHER PERSISTENT-ID SECURITY PACKAGE-MANAGER"),
    referenceLocator={"type": "string", "pattern": r"^\S+$"},
    referenceType=_TEXT,
)
_PACKAGE = _object(
    "SPDXID downloadLocation name",
    SPDXID=_ID,
    annotations=_list(_ANNOTATION),
    attributionTexts=_list(_TEXT),
    builtDate=_TIME,
    checksums=_list(_CHECKSUM),
    comment=_TEXT,
    copyrightText=_TEXT,
    description=_TEXT,
    downloadLocation={"type": "string", "minLength": 1},
    externalRefs=_list(_EXTERNAL_REF),
    filesAnalyzed=_TRUTH,
    hasFiles=_list(_ID),
    homepage=_TEXT,
    licenseComments=_TEXT,
    licenseConcluded=_TEXT,
    licenseDeclared=_TEXT,
    licenseInfoFromFiles=_list(_TEXT),
    name=_TEXT,
    originator=_TEXT,
    packageFileName=_TEXT,
    packageVerificationCode={"type": "object"},
    primaryPackagePurpose=_one_of(
        "OTHER INSTALL ARCHIVE FIRMWARE APPLICATION FRAMEWORK LIBRARY CONTAINER SOURCE DEVICE OPERATING_SYSTEM"
        " FILE"
    ),
    releaseDate=_TIME,
    sourceInfo=_TEXT,
    summary=_TEXT,
    supplier=_TEXT,
    validUntilDate=_TIME,
    versionInfo=_TEXT,
)
_RELATIONSHIP = _object(
    "spdxElementId relatedSpdxElement relationshipType",
    comment=_TEXT,
    spdxElementId=_ID,
    relatedSpdxElement=_TEXT,
    relationshipType={"type": "string", "pattern": "^[A-Z_]+$"},
)

SCHEMA = _object(
    "SPDXID creationInfo dataLicense name spdxVersion documentNamespace",
    SPDXID={"const": "SPDXRef-DOCUMENT"},
    annotations=_list(_ANNOTATION),
    comment=_TEXT,
    creationInfo=_object(
        "created creators",
        comment=_TEXT,
        created=_TIME,
        creators=_list(_ACTOR, 1),
        licenseListVersion=_TEXT,
    ),
    dataLicense={"const": "CC0-1.0"},
    documentDescribes=_list(_ID),
    documentNamespace={"type": "string", "pattern": r"^https://[^#\s]+$"},
    externalDocumentRefs=_ANYTHING,
    files=_ANYTHING,
    hasExtractedLicensingInfos=_ANYTHING,
    name={"type": "string", "minLength": 1},
    packages=_list(_PACKAGE),
    relationships=_list(_RELATIONSHIP),
    revieweds=_ANYTHING,
    snippets=_ANYTHING,
    spdxVersion={"const": "SPDX-2.3"},
)

VALIDATOR = Draft7Validator(SCHEMA)
