"""CycloneDX as JSON (ECMA-424): the parts that are written here, and that a merge has to understand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from cachi2ish.sbom.wire import Wire

#: What can be read: each version of the JSON format is a subset of the next.
READABLE_VERSIONS = ("1.2", "1.3", "1.4", "1.5", "1.6")


class Property(Wire):
    """A name and a value. A name may occur several times."""

    name: str
    value: str | None = None


class Hash(Wire):
    """A digest, the algorithm in the specification's spelling (``SHA-256``)."""

    alg: str
    content: str


class ExternalReference(Wire):
    """An address that has to do with a component: where it is distributed, or its repository."""

    type: str
    url: str
    comment: str | None = None
    hashes: tuple[Hash, ...] = ()


def reference_order(reference: ExternalReference) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Return what the addresses of a component are sorted by."""
    hashes = [(hash_.alg, hash_.content) for hash_ in reference.hashes]
    return reference.type, reference.url, reference.comment or "", hashes


class Component(Wire):
    """A piece of software. components: those that it contains."""

    type: str
    name: str
    version: str | None = None
    bom_ref: str | None = Field(None, alias="bom-ref")
    purl: str | None = None
    hashes: tuple[Hash, ...] = ()
    external_references: tuple[ExternalReference, ...] = ()
    properties: tuple[Property, ...] = ()
    components: tuple[Component, ...] = ()


class Needs(Wire):
    """Which components one depends on, by ``bom-ref``."""

    ref: str
    depends_on: tuple[str, ...] = ()


class Metadata(Wire):
    """Of the document as a whole. tools: a list up to version 1.4, an object since."""

    timestamp: str | None = None
    tools: JsonValue = None
    component: Component | None = None
    properties: tuple[Property, ...] = ()


class Bom(Wire):
    """A document."""

    bom_format: Literal["CycloneDX"]
    spec_version: str
    schema_: str | None = Field(None, alias="$schema")
    serial_number: str | None = None
    version: int | None = None
    metadata: Metadata | None = None
    components: tuple[Component, ...] = ()
    dependencies: tuple[Needs, ...] = ()
