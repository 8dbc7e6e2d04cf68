"""What documents of both formats share: models that keep unknown fields, times that are not the clock's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

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


#: What SPDX documents say that were created at no particular time; the SBOM tools of Konflux write the same.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_the_second(instant: datetime) -> str:
    """Return ``instant`` (aware) as SPDX writes it: UTC, to the second, with ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def latest(texts: Iterable[str | None]) -> datetime | None:
    """Return the latest of the RFC 3339 instants; None where there is none later than `EPOCH`."""
    found = [instant for text in texts if text and (instant := _instant(text))]
    last = max(found, default=EPOCH)
    return last if last > EPOCH else None


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
