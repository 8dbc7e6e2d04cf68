"""poetry-core: nothing, whatever is built."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question

MODULES = ("poetry.core.masonry.api", "poetry.masonry.api")


def adds(question: Question) -> Answer:  # noqa: ARG001  (it is the same for every sdist)
    """Return nothing."""
    return Answer()
