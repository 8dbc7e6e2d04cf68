"""What is read of documents of both formats: models that keep unknown fields."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

from cachi2ish.sbom.document import JsonObject


class Wire(BaseModel):
    """A part of a document. Fields that no model names are kept as they are, in ``model_extra``."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, alias_generator=to_camel)

    __pydantic_extra__: dict[str, JsonValue]

    @property
    def further(self) -> JsonObject:
        """The fields that the model does not name."""
        return self.__pydantic_extra__


def as_json(part: Wire) -> JsonObject:
    """Return ``part`` as it is written: without what is not stated, and without empty lists."""
    written: JsonObject = part.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return written
