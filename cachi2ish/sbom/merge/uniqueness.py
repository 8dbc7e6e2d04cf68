"""Names of which a document may have each only once: what they name could not be told apart otherwise.

CycloneDX demands it of ``bom-ref`` (ECMA-424), SPDX 2.3 of element identifiers (clauses 7.2, 8.2, 9.1), of the
identifiers of licenses (10.1) and of those of other documents (6.6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cachi2ish.errors import InputError, Origin
from cachi2ish.sbom.cyclonedx.cyclonedx_model import Bom
from cachi2ish.sbom.names import values_of
from cachi2ish.sbom.spdx.spdx_model import Document
from cachi2ish.sbom.wire import as_json

#: Where SPDX has identifiers beside those of packages, and in which field.
_IDENTIFYING = {
    "files": "SPDXID",
    "snippets": "SPDXID",
    "hasExtractedLicensingInfos": "licenseId",
    "externalDocumentRefs": "externalDocumentId",
}

#: So many are named; a file that is wrong throughout would fill the screen.
_MOST_NAMED = 5

_LONGEST = 100


def check(bill: Bom | Document, origin: Origin) -> None:
    """Raise `InputError`, which names them, where ``bill`` gives one reference or identifier to two things."""
    what, names = ("bom-ref", _references(bill)) if isinstance(bill, Bom) else ("identifier", _identifiers(bill))
    repeated = sorted(name for name, number in Counter(names).items() if number > 1)
    if not repeated:
        return
    named = ", ".join(repr(name[:_LONGEST]) for name in repeated[:_MOST_NAMED])
    if len(repeated) == 1:
        problem = f"the {what} {named} is given more than once"
    else:
        more = f" and {len(repeated) - _MOST_NAMED} more" if len(repeated) > _MOST_NAMED else ""
        problem = f"each of these {what}s is given more than once: {named}{more}"
    raise InputError(
        problem,
        hint=f"{what}s are unique within a file: have the program that wrote it write it again",
        origin=origin,
    )


def _references(bom: Bom) -> Iterator[str]:
    return values_of(as_json(bom), "bom-ref")


def _identifiers(document: Document) -> Iterator[str]:
    yield document.spdx_id
    for package in document.packages:
        yield package.spdx_id
    for field, identifying in _IDENTIFYING.items():
        things = document.further.get(field)
        for thing in things if isinstance(things, list) else ():
            name = thing.get(identifying) if isinstance(thing, dict) else None
            if isinstance(name, str):
                yield name
