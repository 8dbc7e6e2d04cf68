"""The choices that a user makes by a word. Light: ``--help`` loads this, and nothing else of what a run needs."""

from __future__ import annotations

from enum import Enum, StrEnum


class Mode(StrEnum):
    """How problems are treated that make a record less certain, and no result wrong."""

    STRICT = "strict"
    PERMISSIVE = "permissive"


class Missing(Enum):
    """What becomes of a file whose upload time is not known while a date is set."""

    REFUSE = "refuse"
    ALLOW = "allow"


class SbomKind(StrEnum):
    """CycloneDX 1.6 or SPDX 2.3, both as JSON."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"


class EnvFormat(Enum):
    """How ``generate-env`` writes variables."""

    ENV = "env"
    SH = "sh"
    JSON = "json"
    DOCKERFILE = "dockerfile"
    GITHUB = "github"
