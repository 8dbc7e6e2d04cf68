"""The forms in which environment variables are handed to a build."""

from __future__ import annotations

from enum import Enum


class EnvFormat(Enum):
    """How the variables are written."""

    ENV = "env"
    SH = "sh"
    JSON = "json"
    DOCKERFILE = "dockerfile"
    GITHUB = "github"
