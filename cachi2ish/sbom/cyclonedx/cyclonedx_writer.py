"""CycloneDX 1.6 as JSON.

The document is the same on any day and any machine. There is no timestamp. The serial number is a version 5 UUID
of the content: a reader that needs one to link to the bill (BOM-Link) finds it, readers that would otherwise
invent one do not, and equal bills have equal numbers. Keys are sorted.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5

from cachi2ish.core.inventory import Inventory
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import SPEC_VERSION, make_bom
from cachi2ish.sbom.document import JsonObject, canonical, own_text
from cachi2ish.sbom.interface import CommitTime, no_time

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

    def render(self, inventory: Inventory, committed_at: CommitTime = no_time) -> str:  # noqa: ARG002  (of the protocol)
        """Return the document, which has no time."""
        return render(make_bom(inventory, self._found_by, self._index_proxy))


def render(bom: JsonObject) -> str:
    """Return ``bom`` as text, with the serial number that its content gives it."""
    content = bom | {"$schema": _SCHEMA, "serialNumber": _NIL}
    content.setdefault("components", [])  # readers look for it, be it empty
    content["serialNumber"] = uuid5(NAMESPACE_URL, canonical(content)).urn
    return own_text(content)
