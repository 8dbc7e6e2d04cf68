"""Bills of materials as other programs write them: their shapes, made up for these tests."""

from __future__ import annotations

from typing import Any


def _found(*more: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in (("hermeto:found_by", "hermeto"), *more)]


#: As Hermeto writes CycloneDX: no references, no dependencies, tools in the form of version 1.4.
HERMETO_CYCLONEDX: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "annotations": [
        {
            "subjects": ["pkg:golang/mod.example/tool@v1.2.3?type=module"],
            "annotator": {"organization": {"name": "red hat"}},
            "timestamp": "2026-03-01T10:00:00Z",
            "text": "hermeto:backend:gomod",
        }
    ],
    "components": [
        {
            "name": "app",
            "purl": "pkg:pypi/app@1.0?vcs_url=git%2Bhttps://git.example/group/app.git%40" + "0" * 40,
            "properties": _found(),
            "type": "library",
            "version": "1.0",
        },
        {
            "name": "builder",
            "purl": "pkg:pypi/builder@80.0",
            "properties": _found(("hermeto:pip:package:binary", "true")),
            "type": "library",
            "version": "80.0",
            "externalReferences": [
                {"url": "https://proxy.example/simple/", "type": "distribution", "comment": "proxy URL"}
            ],
        },
        {
            "name": "@scope/left-pad",
            "purl": "pkg:npm/%40scope/left-pad@1.3.0",
            "properties": _found(("cdx:npm:package:development", "true")),
            "type": "library",
            "version": "1.3.0",
        },
        {
            "bom-ref": "pkg:golang/mod.example/tool@v1.2.3?type=module",
            "name": "mod.example/tool",
            "purl": "pkg:golang/mod.example/tool@v1.2.3?type=module",
            "properties": _found(("hermeto:missing_hash:in_file", "go.sum")),
            "type": "library",
            "version": "v1.2.3",
        },
        {
            "name": "archive.tar.gz",
            "purl": "pkg:generic/archive.tar.gz?checksum=sha256:" + "a" * 64,
            "properties": _found(),
            "type": "file",
            "externalReferences": [{"url": "https://files.example/archive.tar.gz", "type": "distribution"}],
            "pedigree": {"patches": [{"type": "unofficial", "diff": {"url": "git+https://git.example/p.git"}}]},
        },
    ],
    "metadata": {"tools": [{"vendor": "red hat", "name": "hermeto"}]},
    "specVersion": "1.6",
    "version": 1,
}


def _annotated(*properties: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {
            "annotator": "Tool: hermeto:jsonencoded",
            "annotationDate": "2026-03-01T10:00:00Z",
            "annotationType": "OTHER",
            "comment": f'{{"name": "{name}", "value": "{value}"}}',
        }
        for name, value in (("hermeto:found_by", "hermeto"), *properties)
    ]


def _purl(purl: str) -> list[dict[str, str]]:
    return [{"referenceLocator": purl, "referenceType": "purl", "referenceCategory": "PACKAGE-MANAGER"}]


#: As Hermeto writes SPDX: no name, no namespace, everything below a root without a name.
HERMETO_SPDX: dict[str, Any] = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "dataLicense": "CC0-1.0",
    "name": "",
    "documentNamespace": "NOASSERTION",
    "creationInfo": {"creators": ["Tool: hermeto", "Organization: red hat"], "created": "2026-03-01T10:00:00Z"},
    "packages": [
        {
            "SPDXID": "SPDXRef-DocumentRoot-File-",
            "name": "",
            "versionInfo": "",
            "externalRefs": [],
            "annotations": [],
            "downloadLocation": "NOASSERTION",
        },
        {
            "SPDXID": "SPDXRef-Package-builder-80.0-" + "b" * 64,
            "name": "builder",
            "versionInfo": "80.0",
            "externalRefs": _purl("pkg:pypi/builder@80.0"),
            "annotations": _annotated(("hermeto:pip:package:build-dependency", "true")),
            "downloadLocation": "NOASSERTION",
            "sourceInfo": "https://proxy.example/simple/",
        },
        {
            "SPDXID": "SPDXRef-Package-mod.example-tool-v1.2.3-" + "c" * 64,
            "name": "mod.example/tool",
            "versionInfo": "v1.2.3",
            "externalRefs": _purl("pkg:golang/mod.example/tool@v1.2.3?type=module"),
            "annotations": [
                {
                    "annotator": "Tool: hermeto:jsonencoded",
                    "annotationDate": "2026-03-01T10:00:00Z",
                    "annotationType": "OTHER",
                    "comment": "hermeto:backend:gomod",
                },
                *_annotated(),
            ],
            "downloadLocation": "NOASSERTION",
        },
    ],
    "relationships": [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "comment": "",
            "relatedSpdxElement": "SPDXRef-DocumentRoot-File-",
            "relationshipType": "DESCRIBES",
        },
        *(
            {
                "spdxElementId": "SPDXRef-DocumentRoot-File-",
                "comment": "",
                "relatedSpdxElement": spdx_id,
                "relationshipType": "CONTAINS",
            }
            for spdx_id in (
                "SPDXRef-Package-builder-80.0-" + "b" * 64,
                "SPDXRef-Package-mod.example-tool-v1.2.3-" + "c" * 64,
            )
        ),
    ],
}

#: As scanners write CycloneDX: short references, parts within parts, licenses, services, vulnerabilities.
SCANNED_CYCLONEDX: dict[str, Any] = {
    "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "serialNumber": "urn:uuid:00000000-0000-4000-8000-000000000001",
    "version": 7,
    "metadata": {
        "timestamp": "2026-02-01T12:00:00.25+02:00",
        "tools": {
            "components": [{"type": "application", "author": "somebody", "name": "scanner", "version": "2.0"}]
        },
        "component": {"bom-ref": "0", "type": "container", "name": "registry.example/app", "version": "sha256:00"},
        "lifecycles": [{"phase": "build"}],
    },
    "components": [
        {
            "bom-ref": "1",
            "type": "library",
            "name": "builder",
            "version": "80.0",
            "purl": "pkg:pypi/builder@80.0",
            "cpe": "cpe:2.3:a:builder:builder:80.0:*:*:*:*:*:*:*",
            "licenses": [{"license": {"id": "MIT"}}],
            "scope": "required",
            "evidence": {"occurrences": [{"location": "/usr/lib/python3/builder"}]},
            "components": [{"bom-ref": "1.1", "type": "library", "name": "vendored", "version": "3"}],
        },
        {
            "bom-ref": "2",
            "type": "library",
            "name": "left-pad",
            "purl": "pkg:npm/left-pad@1.3.0",
            "version": "1.3.0",
            "hashes": [{"alg": "SHA-1", "content": "5" * 40}],
            "licenses": [{"expression": "WTFPL OR MIT"}],
        },
        {"bom-ref": "3", "type": "file", "name": "/etc/app.conf"},
    ],
    "services": [{"bom-ref": "s", "name": "store", "endpoints": ["https://store.example/"]}],
    "dependencies": [{"ref": "0", "dependsOn": ["1", "3"]}, {"ref": "1", "dependsOn": ["2"]}],
    "vulnerabilities": [{"id": "CVE-2026-0001", "affects": [{"ref": "2"}]}],
}

#: As scanners write SPDX: a described image, files, licenses of their own.
SCANNED_SPDX: dict[str, Any] = {
    "spdxVersion": "SPDX-2.2",
    "SPDXID": "SPDXRef-DOCUMENT",
    "dataLicense": "CC0-1.0",
    "name": "image",
    "documentNamespace": "https://scanner.example/image-1",
    "creationInfo": {
        "created": "2026-02-02T00:00:00Z",
        "creators": ["Organization: Scanner, Inc", "Tool: scanner-2.0"],
        "licenseListVersion": "3.24",
    },
    "packages": [
        {
            "SPDXID": "SPDXRef-Image",
            "name": "registry.example/app",
            "versionInfo": "sha256:00",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "supplier": "NOASSERTION",
        },
        {
            "SPDXID": "SPDXRef-1",
            "name": "builder",
            "versionInfo": "80.0",
            "downloadLocation": "https://elsewhere.example/builder-80.0-py3-none-any.whl",
            "packageFileName": "builder-80.0-py3-none-any.whl",
            "checksums": [{"algorithm": "SHA256", "checksumValue": "d" * 64}],
            "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "MIT AND LicenseRef-1",
            "copyrightText": "(c) its makers",
            "sourceInfo": "acquired package info from the following paths: /usr/lib",
            "externalRefs": [
                {
                    "referenceCategory": "SECURITY",
                    "referenceType": "cpe23Type",
                    "referenceLocator": "cpe:2.3:a:builder:builder:80.0:*:*:*:*:*:*:*",
                },
                {
                    "referenceCategory": "PACKAGE_MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": "pkg:pypi/builder@80.0",
                },
            ],
        },
    ],
    "files": [
        {
            "SPDXID": "SPDXRef-File-1",
            "fileName": "./usr/lib/python3/builder/__init__.py",
            "checksums": [{"algorithm": "SHA1", "checksumValue": "e" * 40}],
            "licenseConcluded": "LicenseRef-1",
            "copyrightText": "NOASSERTION",
        }
    ],
    "hasExtractedLicensingInfos": [{"licenseId": "LicenseRef-1", "extractedText": "Do as you like."}],
    "relationships": [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relatedSpdxElement": "SPDXRef-Image",
            "relationshipType": "DESCRIBES",
        },
        {"spdxElementId": "SPDXRef-Image", "relatedSpdxElement": "SPDXRef-1", "relationshipType": "CONTAINS"},
        {
            "spdxElementId": "SPDXRef-1",
            "relatedSpdxElement": "SPDXRef-File-1",
            "relationshipType": "OTHER",
            "comment": "evident-by",
        },
    ],
}
