"""SPDX documents read and judged by the library of the makers of the format, and by the schema."""

from __future__ import annotations

import json
import re
from typing import Any

from spdx_tools.spdx.model.document import Document
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from tests.sbom.spdx_schema import VALIDATOR


def judged(text: str) -> Document:
    """Return ``text`` as the library reads it, after it and the schema have found nothing wrong."""
    content = json.loads(text)
    VALIDATOR.validate(content)
    # The library takes no address for one, or a host whose last part has more than five letters.
    readable: dict[str, Any] = json.loads(re.sub(r"(://(?:git@)?)[\w.-]+", r"\1host.test", text))
    document = JsonLikeDictParser().parse(readable)  # type: ignore[no-untyped-call]
    assert isinstance(document, Document)
    problems = [each.validation_message for each in validate_full_spdx_document(document)]
    assert problems == []
    return document
