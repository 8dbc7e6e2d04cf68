"""The two formats in which a bill of materials is written."""

from __future__ import annotations

from enum import StrEnum


class SbomKind(StrEnum):
    """CycloneDX 1.6 or SPDX 2.3, both as JSON."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
