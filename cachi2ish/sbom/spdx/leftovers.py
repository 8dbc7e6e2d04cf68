"""What one format has no field for travels through it as a property, and becomes the field again on the way back.

``cachi2ish:cyclonedx:scope`` holds the field ``scope`` of a CycloneDX component, as JSON, in an SPDX package;
``cachi2ish:spdx:licenseConcluded`` that of an SPDX package in a CycloneDX component. A list has one property for
each of its items, with ``[]`` behind the field's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import JsonValue

from cachi2ish.sbom.cyclonedx.cyclonedx_model import Property
from cachi2ish.sbom.document import JsonObject, canonical

#: Before the names of fields of each format.
CYCLONEDX = "cachi2ish:cyclonedx:"
SPDX = "cachi2ish:spdx:"

_ITEM = "[]"


def pack(fields: JsonObject, prefix: str) -> tuple[Property, ...]:
    """Return ``fields`` as properties, sorted by name; the items of a list in their order."""
    packed: list[Property] = []
    for name, value in sorted(fields.items()):
        if isinstance(value, list) and value:
            packed += [Property(name=f"{prefix}{name}{_ITEM}", value=canonical(item)) for item in value]
        else:
            packed.append(Property(name=f"{prefix}{name}", value=canonical(value)))
    return tuple(packed)


def holds_one(name: str) -> bool:
    """Return whether a property of this name holds a whole field."""
    return name.startswith((CYCLONEDX, SPDX)) and not name.endswith(_ITEM)


def unpack(properties: Iterable[Property], prefix: str) -> tuple[tuple[Property, ...], JsonObject]:
    """Return the ordinary ones of ``properties``, and the fields that the others hold.

    What has the prefix and holds no JSON is ordinary. Of a field that is there twice, the first counts.
    """
    ordinary: list[Property] = []
    fields: JsonObject = {}
    for each in properties:
        try:
            value: JsonValue = json.loads(each.value or "") if each.name.startswith(prefix) else None
        except (ValueError, RecursionError):
            ordinary.append(each)
            continue
        if not each.name.startswith(prefix):
            ordinary.append(each)
            continue
        name = each.name.removeprefix(prefix)
        if name.endswith(_ITEM):
            items = fields.setdefault(name.removesuffix(_ITEM), [])
            if isinstance(items, list):
                items.append(value)
        else:
            fields.setdefault(name, value)
    return tuple(ordinary), fields
