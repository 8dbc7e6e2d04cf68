"""SPDX 2.3 as JSON: the parts that are written here, and that a merge has to understand."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from cachi2ish.sbom.wire import Wire

SPDX_VERSION = "SPDX-2.3"

#: What can be read: version 2.3 has added fields and made others optional.
READABLE_VERSIONS = ("SPDX-2.2", "SPDX-2.3")

DOCUMENT = "SPDXRef-DOCUMENT"

#: The package without a name that stands for what was looked at, and contains all others. Syft and Hermeto write
#: one too; the SBOM tools of Konflux put the container image in its place.
ROOT = "SPDXRef-DocumentRoot-File-"

NOASSERTION = "NOASSERTION"


class Checksum(Wire):
    """A digest, the algorithm in the specification's spelling (``SHA256``)."""

    algorithm: str
    checksum_value: str


class ExternalRef(Wire):
    """A name of the package elsewhere: a package URL or a CPE."""

    reference_category: Annotated[str, AfterValidator(lambda name: name.replace("_", "-"))]  # as 2.3 spells it
    reference_type: str
    reference_locator: str


class Annotation(Wire):
    """A remark. annotation_date: UTC, to the second. annotator: ``Tool: name``."""

    annotator: str
    annotation_date: str | None = None
    annotation_type: str | None = None
    comment: str = ""


class Package(Wire):
    """A piece of software."""

    spdx_id: str = Field(alias="SPDXID")
    name: str
    version_info: str | None = None
    download_location: str | None = None
    files_analyzed: bool | None = None
    package_file_name: str | None = None
    primary_package_purpose: str | None = None
    source_info: str | None = None
    checksums: tuple[Checksum, ...] = ()
    external_refs: tuple[ExternalRef, ...] = ()
    annotations: tuple[Annotation, ...] = ()

    @property
    def purls(self) -> tuple[str, ...]:
        """Its package URLs."""
        return tuple(ref.reference_locator for ref in self.external_refs if ref.reference_type == "purl")


class Relationship(Wire):
    """How one element has to do with another."""

    spdx_element_id: str
    relationship_type: str
    related_spdx_element: str


class CreationInfo(Wire):
    """created: UTC, to the second. creators: ``Tool: name-version``, ``Organization: name``."""

    created: str | None = None
    creators: tuple[str, ...] = ()


class Document(Wire):
    """A document."""

    spdx_version: str
    spdx_id: str = Field(alias="SPDXID")
    data_license: str | None = None
    name: str | None = None
    document_namespace: str | None = None
    creation_info: CreationInfo = CreationInfo()
    packages: tuple[Package, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    annotations: tuple[Annotation, ...] = ()
