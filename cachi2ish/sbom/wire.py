"""What the models of both formats share: unknown fields are kept, and what is empty is not written."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

#: A JSON object of a shape that is somebody else's.
JsonObject = dict[str, JsonValue]


class Wire(BaseModel):
    """A part of a document. Fields that no model names are kept as they are, in ``model_extra``."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, alias_generator=to_camel)

    __pydantic_extra__: JsonObject

    @property
    def further(self) -> JsonObject:
        """The fields that the model does not name."""
        return self.__pydantic_extra__


def as_json(part: Wire) -> JsonObject:
    """Return ``part`` as it is written: without what is not stated, and without empty lists."""
    written: JsonObject = part.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return written


def canonical(value: JsonValue) -> str:
    """Return the one text of ``value``, on one line: equal values have equal texts."""
    return json.dumps(value, sort_keys=True)


def document_text(content: JsonObject) -> str:
    """Return a document as it is written into a file."""
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
