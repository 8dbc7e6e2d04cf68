"""Where a package came from and what its file is, in the words of each format.

CycloneDX has a list of addresses, each with a comment and digests. SPDX has one download location, one file name
and one set of digests: enough for a package of one file, or for one commit of a repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from cachi2ish.core.urls import split_web
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import COMMIT_COMMENT, PROXY_COMMENT
from cachi2ish.sbom.cyclonedx.cyclonedx_model import ExternalReference, Hash, reference_order
from cachi2ish.sbom.package_urls import uri
from cachi2ish.sbom.spdx.spdx_model import NOASSERTION, Checksum

#: Algorithms that both formats know, by the name that CycloneDX gives them.
_ALGORITHMS = {
    **{f"SHA-{bits}": f"SHA{bits}" for bits in (1, 256, 384, 512)},
    **{
        name: name
        for name in (
            "BLAKE2b-256",
            "BLAKE2b-384",
            "BLAKE2b-512",
            "BLAKE3",
            "MD5",
            "SHA3-256",
            "SHA3-384",
            "SHA3-512",
        )
    },
}
_ALGORITHMS_BACK = {theirs: ours for ours, theirs in _ALGORITHMS.items()}

#: A commit of a git repository, as SPDX writes it (clause 7.7).
_CHECKOUT = re.compile(r"git\+(?P<url>.+)@(?P<commit>[0-9a-f]{40}|[0-9a-f]{64})")
_COMMIT = re.compile(f"{COMMIT_COMMENT}(?P<commit>[0-9a-f]{{40}}|[0-9a-f]{{64}})")

#: Between several addresses in ``sourceInfo``, as Hermeto writes them.
_SEPARATOR = ";"


class Provenance(Struct, frozen=True):
    """What SPDX says of a package's provenance. source_info: the addresses of package proxies."""

    download_location: str = NOASSERTION
    package_file_name: str | None = None
    source_info: str | None = None


def checksums_of(hashes: Iterable[Hash]) -> tuple[Checksum, ...]:
    """Return those of ``hashes`` that SPDX knows."""
    return tuple(
        Checksum(algorithm=_ALGORITHMS[one.alg], checksum_value=one.content)
        for one in hashes
        if one.alg in _ALGORITHMS
    )


def hashes_of(checksums: Iterable[Checksum]) -> tuple[Hash, ...]:
    """Return those of ``checksums`` that CycloneDX knows."""
    return tuple(
        Hash(alg=_ALGORITHMS_BACK[one.algorithm], content=one.checksum_value)
        for one in checksums
        if one.algorithm in _ALGORITHMS_BACK
    )


def provenance_of(references: Iterable[ExternalReference]) -> Provenance:
    """Return what can be said of ``references`` in SPDX: nothing of several files."""
    declared = list(references)
    proxies = [one.url for one in declared if one.type == "distribution" and one.comment == PROXY_COMMENT]
    files = [one for one in declared if one.type == "distribution" and one.comment != PROXY_COMMENT]
    commits = [(one, found) for one in declared if one.type == "vcs" and (found := _commit(one))]
    location, name = NOASSERTION, None
    if len(commits) == 1:
        checkout, commit = commits[0]
        location = f"git+{checkout.url}@{commit}"
        name = files[0].comment if len(files) == 1 and files[0].url == checkout.url else None
    elif len(files) == 1 and not commits and split_web(files[0].url):
        location, name = files[0].url, files[0].comment
    return Provenance(location, name, _SEPARATOR.join(proxies) or None)


def _commit(reference: ExternalReference) -> str | None:
    found = _COMMIT.fullmatch(reference.comment or "")
    return found["commit"] if found else None


def references_of(provenance: Provenance, hashes: tuple[Hash, ...]) -> tuple[ExternalReference, ...]:
    """Return what ``provenance`` says as addresses, sorted; ``hashes``: of the file."""
    references = [
        ExternalReference(type="distribution", url=uri(url), comment=PROXY_COMMENT) for url in _proxies(provenance)
    ]
    checkout = _CHECKOUT.fullmatch(provenance.download_location)
    file = provenance.download_location if split_web(provenance.download_location) else None
    if checkout:
        comment = f"{COMMIT_COMMENT}{checkout['commit']}"
        references.append(ExternalReference(type="vcs", url=uri(checkout["url"]), comment=comment))
        file = checkout["url"] if provenance.package_file_name else None
    if file:
        name = provenance.package_file_name
        references.append(ExternalReference(type="distribution", url=uri(file), comment=name, hashes=hashes))
    return tuple(sorted(references, key=reference_order))


def _proxies(provenance: Provenance) -> list[str]:
    # Other tools write sentences there.
    parts = (provenance.source_info or "").split(_SEPARATOR)
    return parts if all(split_web(part) and " " not in part for part in parts) else []
