"""uv-build: nothing."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question

MODULES = ("uv_build",)


def adds(_question: Question) -> Answer:
    """Return nothing, whatever the sdist."""
    return Answer()
