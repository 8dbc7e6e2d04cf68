"""poetry-core: nothing, whatever is built."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question

MODULES = ("poetry.core.masonry.api", "poetry.masonry.api")


def adds(_question: Question) -> Answer:
    """Return nothing, whatever the sdist."""
    return Answer()
