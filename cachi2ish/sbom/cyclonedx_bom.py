"""A bill in the object model of cyclonedx-python-lib. Importing this imports that library, which is slow."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote
from uuid import UUID

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency as Edge
from cyclonedx.model.tool import ToolRepository
from packageurl import PackageURL

from cachi2ish.core.addresses import redact
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import Dependency, FromGit, Inventory, InventoryFile, VcsOrigin
from cachi2ish.sbom import graph, properties

#: From hashlib's names to the specification's. The others that hashlib guarantees (sha224, sha3_224, SHAKE,
#: blake2s) are none of the specification's; hashlib's blake2b has 512 bits.
_ALGORITHMS = {
    "blake2b": "BLAKE2b-512",
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha3_256": "SHA3-256",
    "sha3_384": "SHA3-384",
    "sha3_512": "SHA3-512",
    "sha512": "SHA-512",
}

#: Those that RFC 3986 reserves, and the sign of an escape; `quote` leaves the unreserved ones alone.
_URI_CHARACTERS = "%:/?#[]@!$&'()*+,;="

#: Stands for the serial number until the content is known that it is made from.
NIL = UUID(int=0)


def make_bom(inventory: Inventory) -> Bom:
    """Return ``inventory`` as a bill without timestamp, its serial number `NIL`."""
    bill = graph.build(inventory)
    root = _main_component(bill.root)
    components = {bill.root.ref: root}
    components |= {node.ref: _main_component(node) for node in bill.packages}
    components |= {node.ref: _dependency_component(node) for node in bill.dependencies}
    tool = Component(name=properties.TOOL, version=inventory.tool_version, type=ComponentType.APPLICATION)
    metadata = BomMetaData(
        component=root,
        tools=ToolRepository(components=[tool]),
        properties=_properties(properties.of_bill(inventory)),
    )
    metadata.timestamp = None  # type: ignore[assignment]  # the specification lets it be left out
    return Bom(
        serial_number=NIL,
        metadata=metadata,
        components=[component for ref, component in components.items() if ref != bill.root.ref],
        dependencies=[
            Edge(components[ref].bom_ref, [Edge(components[needed].bom_ref) for needed in needs])
            for ref, needs in bill.edges
        ],
    )


def _main_component(node: graph.MainNode) -> Component:
    vcs = node.package.vcs
    return Component(
        type=ComponentType.APPLICATION,
        bom_ref=node.ref,
        name=node.package.name,
        version=node.package.version,
        purl=PackageURL.from_string(node.purl),
        properties=_properties(properties.of_main_package()),
        external_references=[] if vcs is None else [_checkout(vcs)],
    )


def _dependency_component(node: graph.DependencyNode) -> Component:
    dependency = node.dependency
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=node.ref,
        name=dependency.name,
        version=dependency.version,
        purl=PackageURL.from_string(node.purl),
        # the hashes of a component are those of its one file; several files have theirs beside their address
        hashes=_hashes(dependency.files[0].digests) if len(dependency.files) == 1 else [],
        properties=_properties(properties.of_dependency(dependency)),
        external_references=_references(dependency),
    )


def _references(dependency: Dependency) -> list[ExternalReference]:
    references = [_distribution(file) for file in dependency.files]
    if isinstance(dependency.source, FromGit):
        references.append(_checkout(dependency.source.vcs))
    return references


def _distribution(file: InventoryFile) -> ExternalReference:
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=_uri(file.url),
        comment=file.filename,
        hashes=_hashes(file.digests),
    )


def _checkout(vcs: VcsOrigin) -> ExternalReference:
    return ExternalReference(type=ExternalReferenceType.VCS, url=_uri(vcs.url), comment=f"commit {vcs.commit}")


def _uri(url: str) -> XsUri:
    # Servers and git take addresses that RFC 3986 does not; the schema does not take those, nor the library a "%"
    # that begins no escape or a second "#". Escaping them names the same thing.
    address, hash_sign, fragment = redact(url).partition("#")
    whole = f"{address}{hash_sign}{fragment.replace('#', '%23')}"
    complete = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", whole)
    return XsUri(quote(complete, safe=_URI_CHARACTERS, errors="replace"))


def _hashes(digests: Iterable[Digest]) -> list[HashType]:
    return [
        HashType(alg=HashAlgorithm(_ALGORITHMS[digest.algorithm]), content=digest.value)
        for digest in digests
        if digest.algorithm in _ALGORITHMS
    ]


def _properties(stated: Iterable[properties.Property]) -> list[Property]:
    return [Property(name=each.name, value=each.value) for each in stated]
