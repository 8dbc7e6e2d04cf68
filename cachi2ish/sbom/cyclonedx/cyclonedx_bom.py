"""From an inventory to a CycloneDX document, sorted so that equal inventories make equal documents."""

from __future__ import annotations

from collections.abc import Iterable

from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import Dependency, FromGit, FromIndex, Inventory, InventoryFile, VcsOrigin
from cachi2ish.sbom import graph, properties
from cachi2ish.sbom.creators import own_tools
from cachi2ish.sbom.cyclonedx.cyclonedx_model import (
    SPEC_VERSION,
    Bom,
    Component,
    ExternalReference,
    Hash,
    Metadata,
    Needs,
    Property,
    reference_order,
)
from cachi2ish.sbom.package_urls import uri

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

#: The comment that Hermeto gives to the address of a package proxy, and that the policies of Konflux look for.
PROXY_COMMENT = "proxy URL"

#: What stands before the commit in the comment of a repository's address.
COMMIT_COMMENT = "commit "


def make_bom(inventory: Inventory, found_by: str, index_proxy: str | None) -> Bom:
    """Return the document of ``inventory``; it has no serial number yet, and no time.

    found_by: who is to be named as the finder of each component, see `properties`. index_proxy: the redacted
    address of a proxy that has stood in for the default index; None for none.
    """
    bill = graph.build(inventory)
    packages = [_main_component(node, found_by) for node in bill.packages]
    dependencies = [_dependency_component(node, found_by, index_proxy) for node in bill.dependencies]
    needs = dict(bill.edges)
    return Bom(
        bom_format="CycloneDX",
        spec_version=SPEC_VERSION,
        version=1,
        metadata=Metadata(
            component=_main_component(bill.root, found_by),
            tools=own_tools(inventory.tool_version),
            properties=_properties(properties.of_bill(inventory)),
        ),
        components=(*sorted(packages, key=_order), *sorted(dependencies, key=_order)),
        dependencies=tuple(
            Needs(ref=ref, depends_on=needs.get(ref, ()))
            for ref in sorted({*needs, *(node.ref for node in bill.dependencies)})
        ),
    )


def _order(component: Component) -> tuple[str, bool, str, str]:
    return component.name, component.version is None, component.version or "", component.bom_ref or ""


def _main_component(node: graph.MainNode, found_by: str) -> Component:
    vcs = node.package.vcs
    return Component(
        type="application",
        bom_ref=node.ref,
        name=node.package.name,
        version=node.package.version,
        purl=node.purl,
        properties=_properties(properties.of_main_package(found_by)),
        external_references=() if vcs is None else (_checkout(vcs),),
    )


def _dependency_component(node: graph.DependencyNode, found_by: str, proxy: str | None) -> Component:
    dependency = node.dependency
    return Component(
        type="library",
        bom_ref=node.ref,
        name=dependency.name,
        version=dependency.version,
        purl=node.purl,
        # the hashes of a component are those of its one file; several files have theirs beside their address
        hashes=_hashes(dependency.files[0].digests) if len(dependency.files) == 1 else (),
        properties=_properties(properties.of_dependency(dependency, found_by)),
        external_references=_references(dependency, proxy),
    )


def _references(dependency: Dependency, proxy: str | None) -> tuple[ExternalReference, ...]:
    references = [_distribution(file) for file in dependency.files]
    match dependency.source:
        case FromGit(vcs=vcs):
            references.append(_checkout(vcs))
        case FromIndex(default=True) if proxy is not None:
            references.append(ExternalReference(type="distribution", url=uri(proxy), comment=PROXY_COMMENT))
    return tuple(sorted(references, key=reference_order))


def _distribution(file: InventoryFile) -> ExternalReference:
    return ExternalReference(
        type="distribution", url=uri(file.url), comment=file.filename, hashes=_hashes(file.digests)
    )


def _checkout(vcs: VcsOrigin) -> ExternalReference:
    return ExternalReference(type="vcs", url=uri(vcs.url), comment=f"{COMMIT_COMMENT}{vcs.commit}")


def _hashes(digests: Iterable[Digest]) -> tuple[Hash, ...]:
    known = {
        (_ALGORITHMS[digest.algorithm], digest.value) for digest in digests if digest.algorithm in _ALGORITHMS
    }
    return tuple(Hash(alg=alg, content=content) for alg, content in sorted(known))


def _properties(declared: Iterable[properties.Property]) -> tuple[Property, ...]:
    return tuple(Property(name=each.name, value=each.value) for each in declared)
