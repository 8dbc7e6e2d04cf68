"""SIP: nothing; it has no such hook."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question

MODULES = ("sipbuild.api",)


def adds(_question: Question) -> Answer:
    """Return nothing, whatever the sdist."""
    return Answer()
