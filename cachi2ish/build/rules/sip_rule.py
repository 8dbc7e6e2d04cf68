"""SIP: nothing; it has no such hook."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question

MODULES = ("sipbuild.api",)


def adds(question: Question) -> Answer:  # noqa: ARG001  (it is the same for every sdist)
    """Return nothing."""
    return Answer()
