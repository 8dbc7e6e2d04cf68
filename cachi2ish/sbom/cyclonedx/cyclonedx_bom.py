"""CycloneDX 1.6 as JSON, from an inventory: equal inventories make equal documents, on any day and any machine.

There is no timestamp. The serial number is a version 5 UUID of the content: a reader that needs one to link to the
bill (BOM-Link) finds it, readers that would otherwise invent one do not, and equal bills have equal numbers. Keys
are sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import sha1
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, UUID

from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import FromGit, FromIndex, Inventory, InventoryFile, VcsOrigin
from cachi2ish.sbom import graph, properties
from cachi2ish.sbom.document import JsonObject, named_pieces, named_text, without_empty
from cachi2ish.sbom.interface import CommitTime, no_time
from cachi2ish.sbom.package_urls import uri
from cachi2ish.sbom.properties import own_tools

if TYPE_CHECKING:
    from pydantic import JsonValue


SPEC_VERSION = "1.6"

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

#: Type, address, comment, and the algorithm and value of each hash: what references are sorted by.
_Address = tuple[str, str, str, list[tuple[str, str]]]


def make_bom(inventory: Inventory, found_by: str, index_proxy: str | None) -> JsonObject:
    """Return the document of ``inventory``; it has no serial number yet, and no time.

    found_by: who is to be named as the finder of each component, see `properties`. index_proxy: the redacted
    address of a proxy that has stood in for the default index; None for none.
    """
    bill = graph.build(inventory)
    return _frame(inventory, bill, found_by) | without_empty(
        dependencies=[*_needs(bill)], components=[*_components(bill, found_by, index_proxy)]
    )


def _frame(inventory: Inventory, bill: graph.Graph, found_by: str) -> JsonObject:
    """Return the document without its components and what each of them needs."""
    return without_empty(
        bomFormat="CycloneDX",
        specVersion=SPEC_VERSION,
        version=1,
        metadata=without_empty(
            component=_main_component(bill.root, found_by),
            tools=own_tools(inventory.tool_version),
            properties=_properties(properties.of_bill(inventory)),
        ),
    )


def _needs(bill: graph.Graph) -> Iterator[JsonObject]:
    needs = dict(bill.edges)
    for ref in sorted({*needs, *(node.ref for node in bill.dependencies)}):
        yield without_empty(ref=ref, dependsOn=list(needs.get(ref, ())))


def _components(bill: graph.Graph, found_by: str, index_proxy: str | None) -> Iterator[JsonObject]:
    # By name, those without a version last.
    packages = sorted(
        bill.packages,
        key=lambda one: (one.package.name, one.package.version is None, one.package.version or "", one.ref),
    )
    dependencies = sorted(
        bill.dependencies,
        key=lambda one: (
            one.dependency.name,
            one.dependency.version is None,
            one.dependency.version or "",
            one.ref,
        ),
    )
    for node in packages:
        yield _main_component(node, found_by)
    for each in dependencies:
        yield _dependency_component(each, found_by, index_proxy)


def _main_component(node: graph.MainNode, found_by: str) -> JsonObject:
    vcs = node.package.vcs
    return {"bom-ref": node.ref} | without_empty(
        type="application",
        name=node.package.name,
        version=node.package.version,
        purl=node.purl,
        properties=_properties(properties.of_main_package(found_by)),
        externalReferences=[] if vcs is None else _references([_checkout(vcs)]),
    )


def _dependency_component(node: graph.DependencyNode, found_by: str, proxy: str | None) -> JsonObject:
    dependency = node.dependency
    addresses = [_distribution(file) for file in dependency.files]
    match dependency.source:
        case FromGit(vcs=vcs):
            addresses.append(_checkout(vcs))
        case FromIndex(default=True) if proxy is not None:
            addresses.append(("distribution", uri(proxy), PROXY_COMMENT, []))
    return {"bom-ref": node.ref} | without_empty(
        type="library",
        name=dependency.name,
        version=dependency.version,
        purl=node.purl,
        # the hashes of a component are those of its one file; several files have theirs beside their address
        hashes=_hashes(_known(dependency.files[0].digests)) if len(dependency.files) == 1 else [],
        properties=_properties(properties.of_dependency(dependency, found_by)),
        externalReferences=_references(sorted(addresses)),
    )


def _distribution(file: InventoryFile) -> _Address:
    return "distribution", uri(file.url), file.filename, _known(file.digests)


def _checkout(vcs: VcsOrigin) -> _Address:
    return "vcs", uri(vcs.url), f"{COMMIT_COMMENT}{vcs.commit}", []


def _references(addresses: Iterable[_Address]) -> list[JsonValue]:
    return [
        without_empty(type=kind, url=url, comment=comment, hashes=_hashes(hashes))
        for kind, url, comment, hashes in addresses
    ]


def _known(digests: Iterable[Digest]) -> list[tuple[str, str]]:
    """Return algorithm and value of those that the specification knows, sorted."""
    return sorted(
        {(_ALGORITHMS[digest.algorithm], digest.value) for digest in digests if digest.algorithm in _ALGORITHMS}
    )


def _hashes(pairs: Iterable[tuple[str, str]]) -> list[JsonValue]:
    return [{"alg": alg, "content": content} for alg, content in pairs]


def _properties(pairs: Iterable[tuple[str, str]]) -> list[JsonValue]:
    return [{"name": name, "value": value} for name, value in pairs]


_SCHEMA = f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json"

#: Stands for the serial number until the content is known that it is made from.
_NIL = UUID(int=0).urn


class CycloneDxWriter:
    """A `SbomWriter` for CycloneDX 1.6 JSON.

    found_by: who is to be named as the finder of each component. index_proxy: the redacted address of a proxy that
    has stood in for the default index.
    """

    def __init__(self, found_by: str, index_proxy: str | None = None) -> None:
        self._found_by = found_by
        self._index_proxy = index_proxy

    def pieces(self, inventory: Inventory, committed_at: CommitTime = no_time) -> Iterator[str]:  # noqa: ARG002  (of the protocol)
        """Yield the document, which has no time."""
        bill = graph.build(inventory)
        whole = _whole(_frame(inventory, bill, self._found_by))
        components = partial(_components, bill, self._found_by, self._index_proxy)
        return named_pieces(
            whole, "serialNumber", _serial, {"components": components, "dependencies": partial(_needs, bill)}
        )


def render(bom: JsonObject) -> str:
    """Return ``bom`` as text, with the serial number that its content gives it."""
    return named_text(_whole({"components": []} | bom), "serialNumber", _serial)


def _whole(bom: JsonObject) -> JsonObject:
    # Readers look for the components, be there any or not.
    return bom | {"$schema": _SCHEMA, "serialNumber": _NIL}


def _serial(content: Iterable[bytes]) -> str:
    """Return what `uuid5` makes of a text, which it needs whole."""
    digest = sha1(NAMESPACE_URL.bytes, usedforsecurity=False)
    for piece in content:
        digest.update(piece)
    return UUID(bytes=digest.digest()[:16], version=5).urn
