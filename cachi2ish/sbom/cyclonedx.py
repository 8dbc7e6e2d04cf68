"""CycloneDX 1.6 as JSON.

The document is the same on any day and any machine. There is no timestamp. The serial number, which the
library would draw at random, is a version 5 UUID of the content: a reader that needs one to link to the bill
(BOM-Link) finds it, readers that would otherwise invent one do not, and equal bills have equal numbers. Keys
are sorted, so that another version of the library does not change the order.
"""

from __future__ import annotations

import json
from uuid import NAMESPACE_URL, uuid5

from cachi2ish.core.inventory import Inventory


class CycloneDxWriter:
    """A `SbomWriter` for CycloneDX 1.6 JSON."""

    def render(self, inventory: Inventory) -> str:
        """Return the document."""
        # Imported where they are needed: the library takes longer to import than all the rest of the program.
        from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415

        from cachi2ish.sbom.cyclonedx_bom import make_bom  # noqa: PLC0415

        content = json.loads(JsonV1Dot6(make_bom(inventory)).output_as_string())
        content.setdefault("components", [])  # readers look for it, be it empty
        content["serialNumber"] = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True)).urn
        return json.dumps(content, indent=2, sort_keys=True) + "\n"
