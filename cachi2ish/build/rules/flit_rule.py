"""flit: the project's own dependencies, where only importing its module tells version or summary."""

from __future__ import annotations

from cachi2ish.build.rules.question import Answer, Question

MODULES = ("flit_core.buildapi", "flit_scm", "flit.buildapi")


def adds(question: Question) -> Answer:
    """Return nothing where both are stated, in ``pyproject.toml`` or as constants of the module."""
    facts = question.facts
    if facts.names_itself is False:
        return Answer(facts.dependencies)
    return Answer()
